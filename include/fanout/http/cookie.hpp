#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

/// \file
/// One cookie (RFC 6265bis).
namespace fanout::http {

struct cookie {
  std::string name;  ///< empty for a cookie that is a value alone
  std::string value;
  std::string domain;      ///< lower case, without a leading dot
  std::string path = "/";  ///< this and what is below it
  bool host_only = true;   ///< for `domain` alone; otherwise for the hosts below it as well
  bool secure = false;     ///< sent over https only
  bool http_only = false;  ///< means something to scripts; kept for the file
  std::optional<std::chrono::sys_seconds> expires = {};  ///< empty: when the jar is destroyed
};

/// The lines of a cookie file that are no cookies.
struct skipped_lines {
  std::size_t count = 0;
  std::string first = {};  ///< where the first one is, and what is wrong with it
};

}  // namespace fanout::http
