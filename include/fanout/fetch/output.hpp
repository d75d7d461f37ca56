#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

/// \file
/// Files that results are written to.
namespace fanout::fetch {

/// Results could not be written. The message names the file and the reason.
class output_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Writes all bytes, and waits where the descriptor is not ready. Returns 0, or the errno that says why not.
int write_all(int descriptor, std::string_view bytes);

/// A file or standard output, written to in whole records.
///
/// What somebody may be reading along (a pipe, a terminal, a socket) is written to record by record; a file is written
/// to in larger pieces. All errors throw `output_error` that names the file.
///
/// Thread safety: none. Destroying it writes what is left, but only `close` reports failure.
class output {
 public:
  static output standard();
  static output create(const std::string& path);  ///< replaces an existing file; "-": standard output
  output(output&& other) noexcept;
  output& operator=(output&&) = delete;
  ~output();

  void write(std::string_view record);
  void close();
  bool is_terminal() const noexcept { return terminal_; }
  /// Whether somebody may be reading along.
  bool prompt() const noexcept { return hold_ == 0; }

 private:
  output(int descriptor, std::string name, bool owned);
  void flush();
  [[noreturn]] void fail(int why) const;

  int descriptor_ = -1;
  std::string name_;
  bool owned_ = false;
  bool terminal_ = false;
  std::size_t hold_ = 0;  ///< bytes kept back at most
  std::string pending_;
};

}  // namespace fanout::fetch
