#pragma once

#include <fanout/fetch/output.hpp>

#include <string>

/// \file
/// Bodies in files that are not the user's.
namespace fanout::fetch::detail {

/// A directory of a job's own in $TMPDIR, or in /tmp, for nobody else to read. It is removed with all that is in it.
class temporary_directory {
 public:
  /// Throws `output_error`.
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();

  /// With a '/' at its end.
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// Writes what the file has to the output, piece by piece, and removes the file. Throws `output_error`.
void move_into(const std::string& path, output& to);
/// All that the file has. Throws `output_error`.
std::string contents_of(const std::string& path);

}  // namespace fanout::fetch::detail
