#pragma once

#include <fanout/http/cookie.hpp>

#include <chrono>
#include <string>
#include <vector>

/// \file
/// Cookies in the Netscape format: domain, whether hosts below it get it, path, secure, expiry, name and value, with
/// tabs between them; "#HttpOnly_" before the domain marks what scripts must not see.
namespace fanout::http {

/// Reads what can be read: also an expiry with a fraction or none, an empty value without the tab before it, a byte
/// order mark, and lines "Set-Cookie: ..." that name a domain (`now` is when a Max-Age begins). Other lines are passed
/// over, and told in `skipped`. Throws `std::runtime_error` that names the file when it cannot be read, or has none but
/// such lines.
std::vector<cookie> read_cookie_file(const std::string& path, std::chrono::sys_seconds now,
                                     skipped_lines* skipped = nullptr);

/// Writes beside the file and renames, so that a reader sees the old cookies or the new ones. Throws
/// `std::runtime_error` that names the file.
void write_cookie_file(const std::string& path, const std::vector<cookie>& cookies);

}  // namespace fanout::http
