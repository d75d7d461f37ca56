#pragma once

#include "http/dns/dns_cache.hpp"

#include <sys/types.h>

#include <chrono>
#include <string>
#include <unordered_map>

/// \file
/// /etc/hosts.
namespace fanout::http {

/// The names of a hosts file (hosts(5)). It is read once and again when it has changed, which is looked for at most
/// once a second: a thousand look-ups are not a thousand files read. A file that is not there names nobody.
///
/// Thread safety: none.
class hosts_file {
 public:
  using time = std::chrono::steady_clock::time_point;

  explicit hosts_file(std::string path = "/etc/hosts") : path_(std::move(path)) {}

  /// The addresses of `host`, in the file's order, both families; null when it is not named.
  const address_list* find(const std::string& host, time now);

 private:
  void refresh(time now);

  std::string path_;
  std::unordered_map<std::string, address_list> names_;
  time looked_ = time::min();
  timespec changed_{};
  off_t size_ = -1;
};

}  // namespace fanout::http
