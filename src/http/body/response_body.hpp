#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/headers.hpp>

#include "http/body/body_decoder.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// A response's body, whatever frames it.
namespace fanout::http {

/// Counts, decodes and keeps the bytes of one body, within the limits of the client's options. Where it begins and ends
/// is its owner's to know: by a length, by chunks, by frames. What returns a bool returns false when the body breaks a
/// limit or cannot be decoded; it is over then, and `raise` says how.
///
/// Thread safety: none.
class response_body {
 public:
  /// `keep`: otherwise bytes are counted and dropped. `into`: where they are kept. `options` and `into` must outlive
  /// the body.
  response_body(const client_options& options, bool keep, std::string& into)
      : options_(options), text_(into), keep_(keep) {}

  /// So many bytes are to come.
  bool announce(std::uint64_t coded_bytes);
  /// A Content-Encoding is undone from here on, unless the caller or the response (a part, 206) says otherwise.
  bool begin_decoding(const headers& header, int status);
  /// Nobody waits for it: it is not decoded, nor kept unless the options say so, and only this much of it may come.
  void begin_unwanted(std::uint64_t most) noexcept {
    keep_ = keep_ && options_.keep_redirect_bodies;
    most_ = most;
  }
  bool store(std::string_view coded) {
    coded_bytes_ += coded.size();
    if (coded_bytes_ > limit()) return overflow(coded);
    if (decoder_) return decode(coded);
    bytes_ = coded_bytes_;
    if (keep_) text_.append(coded);
    return true;
  }
  /// All of it was stored. What there was no room for is still to be decoded.
  bool end() { return !decoder_ || end_decoding(); }

  /// Decoding stops when this many bytes lie there untaken, and goes on with `decode_more`.
  void keep_at_most(std::size_t bytes) noexcept { room_ = bytes; }
  bool decode_more() { return !decoder_ || decode({}); }
  /// Nothing is left to be decoded.
  bool decoded() const noexcept { return !decoder_; }

  /// More than may come of it.
  bool is_too_large(std::uint64_t coded_bytes) const noexcept { return coded_bytes > limit(); }
  std::string& text() noexcept { return text_; }
  const std::string& text() const noexcept { return text_; }
  std::uint64_t bytes() const noexcept { return bytes_; }
  std::uint64_t coded_bytes() const noexcept { return coded_bytes_; }
  /// Says that it is over a limit, or that its coding is broken.
  [[noreturn]] void raise(const std::string& from) const;

 private:
  enum class fault { too_many_bytes, too_high_a_ratio, coding };

  std::uint64_t limit() const noexcept { return most_ ? *most_ : options_.max_body_bytes; }
  bool fail(fault how) noexcept {
    fault_ = how;
    return false;
  }
  bool overflow(std::string_view coded);
  bool decode(std::string_view coded);
  bool end_decoding();

  const client_options& options_;
  std::string& text_;
  std::uint64_t bytes_ = 0;
  std::uint64_t coded_bytes_ = 0;
  std::size_t room_ = std::numeric_limits<std::size_t>::max();
  std::optional<std::uint64_t> most_;
  std::optional<body_decoder> decoder_;  ///< exists while a coded body is read
  std::string coding_error_;
  fault fault_ = fault::too_many_bytes;
  bool keep_;
};

}  // namespace fanout::http
