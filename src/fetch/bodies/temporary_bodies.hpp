#pragma once

#include <fanout/fetch/output.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

/// \file
/// Bodies in files that are not the user's.
namespace fanout::fetch::detail {

/// A directory of a job's own, for nobody else to read. It is removed with all that is in it.
class temporary_directory {
 public:
  /// This one, which is made anew; empty: one in $TMPDIR, or in /tmp. Throws `output_error`.
  explicit temporary_directory(const std::string& path = {});
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  /// With a '/' at its end.
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Hands on what the file has, piece by piece. Throws `output_error`.
void read_body(const std::string& path, const std::function<void(std::string_view piece)>& take);
/// In bytes. Throws `output_error`.
std::uint64_t size_of_body(const std::string& path);
/// Writes what the file has to the output, piece by piece, and removes the file. Throws `output_error`.
void move_into(const std::string& path, output& to);
/// All that the file has. Throws `output_error`.
std::string contents_of(const std::string& path);

}  // namespace fanout::fetch::detail
