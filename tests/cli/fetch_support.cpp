#include "cli/fetch_support.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace fanout::cli::testing {

ended fetch(std::vector<std::string> arguments, const std::string& input, const redirections& to) {
  arguments.insert(arguments.begin(), "fetch");
  child started(tool, std::move(arguments), to);
  started.write_input(input);
  started.close_input();
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

ended job(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "job");
  child started(tool, std::move(arguments));
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

std::vector<json::object> records_in_order(const std::string& output) {
  std::vector<json::object> all;
  for (std::size_t begin = 0; begin < output.size();) {
    const auto end = output.find('\n', begin);
    const std::string line = output.substr(begin, end - begin);
    EXPECT_NE(end, output.npos) << "a line without an end: " << line;
    boost::system::error_code failed;
    const json::value parsed = json::parse(line, failed);
    EXPECT_TRUE(!failed && parsed.is_object()) << "not a JSON object: " << line;
    if (parsed.is_object()) all.push_back(parsed.get_object());
    begin = end == output.npos ? end : end + 1;
  }
  return all;
}

std::map<std::uint64_t, json::object> records(const std::string& output) {
  std::map<std::uint64_t, json::object> all;
  for (json::object& each : records_in_order(output))
    EXPECT_TRUE(all.emplace(number_of(each, "index"), std::move(each)).second) << "two records of one index";
  return all;
}

std::string kind_of(const json::object& record) {
  const json::value& error = record.at("error");
  return error.is_null() ? "" : std::string(error.at("kind").as_string());
}

std::string message_of(const json::object& record) {
  const json::value& error = record.at("error");
  return error.is_null() ? "" : std::string(error.at("message").as_string());
}

std::string text_of(const json::object& record, std::string_view member) {
  return std::string(record.at(member).as_string());
}

std::uint64_t number_of(const json::object& record, std::string_view member) {
  return record.at(member).to_number<std::uint64_t>();
}

std::size_t threads_of(pid_t pid) {
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(pid) + "/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> all;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) all.push_back(child);
  }
  return all;
}

bool exists(pid_t pid) {
  return ::kill(pid, 0) == 0;
}

}  // namespace fanout::cli::testing
