#pragma once

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
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

  // The request.
  std::string method;
  std::vector<std::string> headers;
  std::vector<std::string> data;
  std::vector<std::string> data_binary;
  std::vector<std::string> json;
  std::string data_file;
  std::string user;
  std::vector<std::string> cookies;
  std::string cookie_jar;
  bool head = false;

  // The exchange.
  std::chrono::milliseconds timeout{300'000};
  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::uint64_t max_redirects = 10;
  std::uint64_t max_bytes = 1ULL << 30;
  bool no_redirects = false;
  bool compressed = false;
  bool raw = false;
  bool public_only = false;
  std::vector<std::string> resolve;
  std::optional<std::string> proxy;  ///< empty: none, whatever the environment says
  std::string no_proxy;
  bool tls_1_3 = false;
  bool insecure = false;
  std::string ca_file;
  bool proxy_insecure = false;
  std::string proxy_ca_file;
  std::string certificate;
  std::string key;

  // The output.
  bool with_headers = false;
  bool with_bodies = false;
  bool timings = false;
  bool quiet = false;
};

/// Something is wrong with the command line as a whole: exit status 2.
class usage_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Adds the options to the command.
void add_fetch_options(CLI::App& command, fetch_options& into);

}  // namespace fanout::cli
