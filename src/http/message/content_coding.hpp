#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

/// \file
/// Content codings (RFC 9110 section 8.4), undone piece by piece.
namespace fanout::http {

/// The codings `make_decoder` undoes, as Accept-Encoding lists them.
inline constexpr std::string_view accepted_codings = "gzip, deflate, br, zstd";

/// The coded bytes are malformed, or go on after their end.
class coding_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Undoes one coding, or a stack of them. It holds its library's state (gzip and deflate 40 KB, zstd up to 8 MB, br up
/// to 16 MB, as the sender chose its window), so it exists while a coded body is read and no longer.
///
/// Thread safety: none.
class decoder {
 public:
  decoder() = default;
  decoder(const decoder&) = delete;
  decoder& operator=(const decoder&) = delete;
  virtual ~decoder() = default;

  /// Takes bytes from the front of `coded` and writes what they mean to `into`; returns how many it wrote. When that is
  /// less than `into` has room for, `coded` is empty and nothing more comes without more of it. Throws `coding_error`.
  virtual std::size_t decode(std::string_view& coded, std::span<char> into) = 0;

  /// Whether the bytes so far are whole; otherwise they were cut off.
  virtual bool whole() const noexcept = 0;
};

/// A decoder for a coding's name in any case: gzip (several members may follow one another, RFC 1952 section 2.2),
/// deflate (RFC 1950, and the raw RFC 1951 that some servers send instead), br (RFC 7932), zstd (RFC 8878, several
/// frames, with the window of RFC 9659). Bytes that go on after the end are an error: nobody can tell what they are.
/// Null when there is no such coding.
std::unique_ptr<decoder> make_decoder(std::string_view coding);

/// A decoder for a value of Content-Encoding, the values of several fields joined by commas; null when the value asks
/// for none ("identity"), or names one that is unknown: nobody asked for it, and who gets the bytes as they came, with
/// the header that names it, may know it. Throws `coding_error` for more than `most` of them.
std::unique_ptr<decoder> make_decoder_stack(std::string_view codings, std::size_t most);

}  // namespace fanout::http
