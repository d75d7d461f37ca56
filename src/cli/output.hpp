#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fanout::cli {

/// Results could not be written; ends the command with exit status 3.
class output_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Makes a reader that has gone, and a limit on the size of files, an error of the write instead of a signal that ends
/// the process.
void turn_write_signals_into_errors();

/// Writes to standard error, for a person. Nobody may be there: it never fails.
void tell(std::string_view message);

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

/// A directory for bodies, one file for each input, named by the input's index alone: a server cannot choose a name.
class body_directory {
 public:
  explicit body_directory(const std::string& path);  ///< made if it does not exist
  body_directory(const body_directory&) = delete;
  body_directory& operator=(const body_directory&) = delete;
  ~body_directory();

  /// Writes a new file and returns its name within the directory. An existing file is an error, not replaced.
  std::string store(std::uint64_t index, std::string_view body);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace fanout::cli
