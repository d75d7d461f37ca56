#pragma once

#include <fanout/http/cookie.hpp>

#include <string>
#include <vector>

/// \file
/// Cookies in the Netscape format: domain, whether hosts below it get it, path, secure, expiry, name and value, with
/// tabs between them; "#HttpOnly_" before the domain marks what scripts must not see.
namespace fanout::http {

/// Throws `std::runtime_error` that names the file, and the line that is wrong.
std::vector<cookie> read_cookie_file(const std::string& path);

/// Writes beside the file and renames, so that a reader sees the old cookies or the new ones. Throws
/// `std::runtime_error` that names the file.
void write_cookie_file(const std::string& path, const std::vector<cookie>& cookies);

}  // namespace fanout::http
