#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

namespace fanout::fetch {

/// Unpacks a stream piece by piece.
class unpacker {
 public:
  virtual ~unpacker() = default;
  /// Appends what `packed` unpacks to. Throws `std::runtime_error` for bytes that are not of the format.
  virtual void unpack(const char* packed, std::size_t size, std::string& into) = 0;
  /// Throws `std::runtime_error` if the stream ended in the middle.
  virtual void finish() = 0;
};

/// The unpacker for a stream that begins so; null for plain text. Looks at four bytes, or all there are.
std::unique_ptr<unpacker> unpacker_for(const char* first, std::size_t size);

/// A file that cannot be read.
class input_error : public std::runtime_error {
 public:
  input_error(const std::string& name, const std::string& reason)
      : std::runtime_error("cannot read the list of URLs from " + name + ": " + reason), reason_(reason) {}
  /// Why, alone, for messages about files that are no lists.
  const std::string& reason() const noexcept { return reason_; }

 private:
  std::string reason_;
};

/// A file or standard input, unpacked.
///
/// Thread safety: none.
class input_file {
 public:
  explicit input_file(const std::string& path);  ///< "-": standard input. Throws `input_error`.
  input_file(const input_file&) = delete;
  input_file& operator=(const input_file&) = delete;
  ~input_file();

  int handle() const noexcept { return descriptor_; }
  bool readable_now() const noexcept;  ///< `read_into` would not wait
  /// Reads once and appends what it unpacks to; waits if it must. False at the end.
  bool read_into(std::string& text);

 private:
  [[noreturn]] void fail(const std::string& why) const;

  std::string name_;
  int descriptor_ = -1;
  bool owned_ = false;
  bool started_ = false;
  std::string first_;  ///< the bytes seen while there were too few to tell the format
  std::unique_ptr<unpacker> unpacker_;
};

}  // namespace fanout::fetch
