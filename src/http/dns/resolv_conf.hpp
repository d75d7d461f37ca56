#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// What /etc/resolv.conf says that c-ares does not read.
namespace fanout::http {

/// How patiently name servers are asked (resolv.conf(5), "options").
struct resolver_patience {
  std::chrono::seconds timeout{5};  ///< before the next server is asked; doubled with each round of all servers
  int attempts = 2;                 ///< rounds
};

/// The options `timeout` and `attempts` of a file's text, and of the environment's RES_OPTIONS, which go before. Empty
/// when neither says anything of them. The last one counts, up to the 30 s and 5 rounds of the manual page.
std::optional<resolver_patience> patience_of(std::string_view resolv_conf, std::string_view environment);

/// The same for the file of this name; one that cannot be read says nothing.
std::optional<resolver_patience> read_patience(const std::string& path);

}  // namespace fanout::http
