#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/headers.hpp>

#include "http/message/content_coding.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

/// \file
/// A coded body, decoded within limits.
namespace fanout::http {

/// Undoes the Content-Encoding of one response.
///
/// Three limits stop a decompression bomb: `max_body_bytes` holds for the decoded bytes too, `max_content_codings` for
/// the stack, and `max_decoding_ratio` for decoded over coded bytes. The last is what stops a thousand bombs at once,
/// each far below the first limit. It holds beyond `decoding_ratio_floor`: below that, tables and blank pages pack well
/// and harm nobody.
///
/// Thread safety: none.
class body_decoder {
 public:
  /// Throws `coding_error` when the codings cannot be undone.
  body_decoder(const client_options& options, const headers& header);

  /// False when the header names no coding.
  bool needed() const noexcept { return decoder_ != nullptr; }

  enum class verdict { ok, stopped, too_many_bytes, too_high_a_ratio };
  /// Decodes `coded` and what was left by a call before; `store` is given each piece. It says whether it wants more:
  /// if not, decoding stops, what is left of `coded` is kept for the next call, and the verdict is `stopped`. Throws
  /// `coding_error`.
  template <class Store>
  verdict decode(std::string_view coded, Store store);

  /// Whether all that was given has been decoded.
  bool idle() const noexcept { return waiting_.empty() && !filled_; }
  /// Throws `coding_error` when the body was cut off. An empty body is whole whatever coding it has.
  void end() const;

  std::uint64_t decoded_bytes() const noexcept { return decoded_; }

 private:
  verdict check_limits() const noexcept;

  const client_options& options_;
  std::unique_ptr<decoder> decoder_;
  std::string waiting_;  ///< coded bytes that `store` had no room for
  std::uint64_t coded_ = 0;
  std::uint64_t decoded_ = 0;
  bool filled_ = false;  ///< the decoder may have more without being given more
};

template <class Store>
body_decoder::verdict body_decoder::decode(std::string_view coded, Store store) {
  coded_ += coded.size();
  std::string kept;
  if (!waiting_.empty()) {
    kept = std::move(waiting_.append(coded));
    waiting_.clear();
    coded = kept;
  }
  char buffer[16 * 1024];
  while (!coded.empty() || filled_) {
    const std::size_t count = decoder_->decode(coded, buffer);
    filled_ = count == sizeof buffer;
    decoded_ += count;
    if (const verdict found = check_limits(); found != verdict::ok) return found;
    if (count > 0 && !store(std::string_view(buffer, count)) && (filled_ || !coded.empty())) {
      waiting_.assign(coded);
      return verdict::stopped;
    }
  }
  return verdict::ok;
}

}  // namespace fanout::http
