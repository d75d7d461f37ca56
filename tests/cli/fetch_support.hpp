#pragma once

#include "cli/child.hpp"

#include <boost/json.hpp>

#include <map>
#include <string>
#include <vector>

/// \file
/// `fanout fetch` as a test sees it.
namespace fanout::cli::testing {

namespace json = boost::json;

inline constexpr const char* tool = FANOUT_CLI;

/// How a run of the tool ended, and all it wrote.
struct ended {
  int status;
  std::string output, errors;
};

/// `fanout fetch` with these arguments, from start to end. `input` is its standard input; it has to fit into a pipe.
ended fetch(std::vector<std::string> arguments, const std::string& input = "", const redirections& to = {});

/// `fanout job` likewise, without standard input.
ended job(std::vector<std::string> arguments);

/// Each line of `output` as a JSON object, in order; fails the test for a line that is none, or has no end.
std::vector<json::object> records_in_order(const std::string& output);

/// The same by index; fails the test when an index comes twice.
std::map<std::uint64_t, json::object> records(const std::string& output);

/// `error.kind` of a record; empty where there is no error.
std::string kind_of(const json::object& record);
std::string message_of(const json::object& record);
std::string text_of(const json::object& record, std::string_view member);
std::uint64_t number_of(const json::object& record, std::string_view member);

/// The threads, or the child processes, that process `pid` has now. A thread of the sanitizer's own may be among them
/// (`test::sanitizer_threads`).
std::size_t threads_of(pid_t pid);
std::vector<pid_t> children_of(pid_t pid);
/// Whether the process exists, if only as a zombie.
bool exists(pid_t pid);

}  // namespace fanout::cli::testing
