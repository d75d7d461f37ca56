#pragma once

#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/output_error.hpp>

#include <cstddef>
#include <string>
#include <string_view>

/// \file
/// Files that results are written to.
namespace fanout::fetch {

/// Writes all bytes, and waits where the descriptor is not ready. Returns 0, or the errno that says why not.
int write_all(int descriptor, std::string_view bytes);

/// A file or standard output, written to in whole records.
///
/// What somebody may be reading along (a pipe, a terminal, a socket) is written to record by record; a file is written
/// to in larger pieces. All errors throw `output_error` that names the file.
///
/// A file appears when it is whole: what is written goes to FILE.part beside it, which `close` renames, so that a file
/// that was there stays until then, and stays for good where nothing is closed. Other things than files (devices,
/// pipes), and files in a directory where no other can be made, are written to directly.
///
/// Thread safety: none. Destroying it writes what is left, and leaves it in FILE.part unless that is empty.
class output {
 public:
  static output standard();
  static output create(const std::string& path);  ///< "-": standard output
  output(output&& other) noexcept = default;
  output& operator=(output&&) = delete;
  ~output();

  void write(std::string_view record);
  void close();
  /// Instead of `close`: what was written is not whole, so a file that was there stays.
  void abandon();
  bool is_terminal() const noexcept { return terminal_; }
  /// Whether closing it replaces a file that was there.
  bool replaces() const noexcept { return to_.replaces(); }
  /// Whether somebody may be reading along.
  bool prompt() const noexcept { return hold_ == 0; }

 private:
  explicit output(detail::part_file to);
  void flush();

  detail::part_file to_;
  bool terminal_ = false;
  std::size_t hold_ = 0;  ///< bytes kept back at most
  std::string pending_;
};

}  // namespace fanout::fetch
