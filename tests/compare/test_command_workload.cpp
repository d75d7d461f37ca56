#include <fanout/compare/compare.hpp>
#include <fanout/compare/workloads.hpp>

#include "cli/child.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A program for each line of a list, by the tool: `fanout compare ./program {} -i list`.
namespace {

namespace json = boost::json;
using fanout::cli::testing::child;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

struct finished {
  int status;
  std::string output, errors;
};

class compared_commands : public testing::Test {
 protected:
  static finished run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "compare");
    child started(FANOUT_CLI, std::move(arguments));
    started.close_input();
    std::string output = started.rest_of_output(), errors = started.rest_of_errors();
    return {started.wait(), std::move(output), std::move(errors)};
  }

  compared_commands() {
    std::string pattern = std::filesystem::temp_directory_path() / "fanout-commands-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~compared_commands() override { std::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ / name; }
  std::string list(const std::string& lines) const {
    std::ofstream(path("list")) << lines;
    return path("list");
  }
  /// What runs of the command below have left.
  std::multiset<std::string> left() const {
    std::ifstream file(path("log"));
    std::multiset<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.insert(line);
    return lines;
  }
  /// Writes its arguments to a file: a line is written as a whole.
  std::vector<std::string> script(std::vector<std::string> arguments) const {
    std::ofstream(path("script"))
        << "#!/bin/sh\nfor each; do echo \"<$each>\"; done | tr -d '\\n' | sed 's/$/\\n/' >>'" + path("log") + "'\n";
    std::filesystem::permissions(path("script"), std::filesystem::perms::owner_all);
    arguments.insert(arguments.begin(), path("script"));
    return arguments;
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(compared_commands, run_once_for_each_line_that_replaces_the_braces_or_comes_last) {
  const auto run_script = [&](std::vector<std::string> arguments) {
    std::filesystem::remove(path("log"));
    std::vector<std::string> all{"--rounds", "1", "--shapes", "sync,threads:2", "-i", list("one\n\na b;$(c)\n"), "--"};
    for (auto& each : script(std::move(arguments))) all.push_back(std::move(each));
    const finished done = run(all);
    EXPECT_EQ(done.status, 0) << done.errors;
    EXPECT_THAT(done.output, HasSubstr("command: 2 runs of " + path("script")));
    return left();
  };
  const auto appended = run_script({"--flag"});
  EXPECT_EQ(appended.size(), appended.count("<--flag><one>") + appended.count("<--flag><a b;$(c)>"));
  EXPECT_GE(appended.count("<--flag><a b;$(c)>"), 2U) << "no shell reads it";
  const auto replaced = run_script({"x{}y{}", "last"});
  EXPECT_GE(replaced.count("<xa b;$(c)ya b;$(c)><last>"), 2U);
  EXPECT_EQ(replaced.size(), replaced.count("<xa b;$(c)ya b;$(c)><last>") + replaced.count("<xoneyone><last>"));
}

TEST_F(compared_commands, without_a_list_run_as_they_are_and_their_cpu_time_counts) {
  const finished done = run({"--json", "--tasks", "2", "--rounds", "1", "--shapes", "sync,async:2,processes:2", "--",
                             "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"});
  const auto whole = json::parse(done.output);
  const auto& workload = whole.at("workloads").at(0);
  EXPECT_EQ(workload.at("name").as_string(), "command");
  EXPECT_EQ(workload.at("tasks").to_number<int>(), 2);
  for (const auto& row : workload.at("rows").as_array())
    EXPECT_GT(row.at("cpu_s").to_number<double>(), 0.02) << json::serialize(row);
}

TEST_F(compared_commands, that_fail_say_how) {
  const finished failed =
      run({"--tasks", "2", "--shapes", "sync", "--", "sh", "-c", "echo 'no \033[1mluck' >&2; exit 7"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.output,
              AllOf(HasSubstr("2 of 2 tasks failed"), HasSubstr("exit status 7"), Not(HasSubstr("\x1b"))));
  EXPECT_THAT(run({"--tasks", "1", "--shapes", "sync", "--", "sh", "-c", "kill -9 $$"}).output,
              HasSubstr("killed by signal 9"));
}

TEST_F(compared_commands, that_cannot_be_found_or_read_are_named) {
  EXPECT_THAT(run({path("missing")}).errors, HasSubstr("there is no '" + path("missing") + "'"));
  EXPECT_THAT(run({"sleep", "-i", path("missing")}).errors, HasSubstr("-i: cannot read " + path("missing")));
  EXPECT_THAT(run({"sleep", "-i", list("\n\n")}).errors, HasSubstr("has no line"));
  EXPECT_THAT(run({"io", "sleep"}).errors, HasSubstr("there is no 'sleep'"));
  EXPECT_THAT(run({"sleep", "--latency", "1ms"}).errors, HasSubstr("--latency: use it with the workloads io, mixed"));
}

TEST_F(compared_commands, are_a_workload_of_the_library) {
  EXPECT_THROW(fanout::workloads::command({}, 3), std::invalid_argument);
  const auto work = fanout::workloads::command({"test", "{}", "!=", "b"}, std::vector<std::string>{"a", "b"});
  EXPECT_EQ(work.tasks, 2U);
  const auto done = work.run(fanout::sync(), 2);
  EXPECT_EQ(done.cost.failures, 1U);
  EXPECT_THAT(done.failure, HasSubstr("test b != b: exit status 1"));
}

TEST_F(compared_commands, tell_the_cpu_time_of_each) {
  const std::string loop = "if [ {} = 1 ]; then i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; else exit {}; fi";
  const auto work = fanout::workloads::command({"sh", "-c", loop}, std::vector<std::string>{"0", "1", "2"});
  for (const auto& how : {fanout::sync(), fanout::threads(2), fanout::async(2), fanout::processes(2)}) {
    const auto done = work.run(how, 3);
    ASSERT_EQ(done.computed.size(), 3U) << fanout::to_string(how);
    EXPECT_GT(done.computed[1], 5ms) << fanout::to_string(how);
    EXPECT_GE(done.computed[0], 0ms);
    EXPECT_LT(done.computed[0], done.computed[1]) << fanout::to_string(how);
    EXPECT_LT(done.computed[2], 0ms) << "it failed";
  }
  EXPECT_EQ(work.run(fanout::sync(), 1).computed.size(), 1U);
}

}  // namespace
