#pragma once

#include <fanout/fetch/http_options.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// The command line of `fanout fetch`.
namespace fanout::cli {

/// As given, before anything is made of it.
struct fetch_options {
  std::vector<std::string> urls;
  std::string list;
  std::string destination;
  std::string summary_file;
  std::string shape = "auto";
  std::uint64_t in_flight = 0;
  fetch::http_options http;
  bool quiet = false;
};

/// Something is wrong with the command line as a whole: exit status 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Adds the options to the command. `into` must outlive it.
void add_fetch_options(CLI::App& command, fetch_options& into);

}  // namespace fanout::cli
