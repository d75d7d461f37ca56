#pragma once

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/settings.hpp>

#include <memory>
#include <string>

/// \file
/// The cookies of a fetch, and the files they are read from and written to.
namespace fanout::http {
class cookie_jar;
struct skipped_lines;
}  // namespace fanout::http

namespace fanout::fetch {

/// The jar of exchanges with these settings in this process; null when they use no cookies. Settings that begin with
/// the same file share one. Counts in `skipped` what it could not read. Throws `std::runtime_error` when the file
/// cannot be read.
std::shared_ptr<http::cookie_jar> cookie_jar_of(const settings& how, http::skipped_lines* skipped = nullptr);

/// Cookies cannot be saved.
class cookie_file_error : public output_error {
 public:
  using output_error::output_error;
};

/// Throws `cookie_file_error` where cookies could not be saved there: after a long run it is late to learn that.
void check_cookie_file(const std::string& file);

/// Writes the jar, as `http::cookie_jar::save` does. Throws `cookie_file_error`.
void save_cookies(const http::cookie_jar& jar, const std::string& file);

}  // namespace fanout::fetch
