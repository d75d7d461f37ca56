#include "http/body/response_body.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace fanout::http {
namespace {

// A length is only a claim: no more than this is set aside before the bytes arrive.
constexpr std::uint64_t most_reserved = 1024 * 1024;

}  // namespace

bool response_body::announce(std::uint64_t coded_bytes) {
  if (is_too_large(coded_bytes)) return fail(fault::too_many_bytes);
  if (keep_) text_.reserve(static_cast<std::size_t>(std::min(coded_bytes, most_reserved)));
  return true;
}

bool response_body::begin_decoding(const headers& header, int status) {
  // A part of a coded body (206) cannot be decoded by itself: it is handed over as it is (RFC 9110 section 14.2).
  if (!options_.decode_content || options_.keep_coding || status == 206) return true;
  try {
    decoder_.emplace(options_, header);
  } catch (const coding_error& failed) {
    coding_error_ = failed.what();
    return fail(fault::coding);
  }
  if (!decoder_->needed()) decoder_.reset();
  return true;
}

// The last piece of a body that is too large: what there is room for is kept, however the network cut it.
bool response_body::overflow(std::string_view coded) {
  coded.remove_suffix(static_cast<std::size_t>(std::min<std::uint64_t>(coded.size(), coded_bytes_ - limit())));
  if (decoder_) {
    if (!decode(coded)) return false;
  } else {
    bytes_ += coded.size();
    if (keep_) text_.append(coded);
  }
  return fail(fault::too_many_bytes);
}

bool response_body::decode(std::string_view coded) {
  try {
    const auto verdict = decoder_->decode(coded, [this](std::string_view piece) {
      if (keep_) text_.append(piece);
      return text_.size() < room_;
    });
    bytes_ = decoder_->decoded_bytes();
    if (verdict == body_decoder::verdict::too_many_bytes) return fail(fault::too_many_bytes);
    if (verdict == body_decoder::verdict::too_high_a_ratio) return fail(fault::too_high_a_ratio);
    return true;
  } catch (const coding_error& failed) {
    coding_error_ = failed.what();
    return fail(fault::coding);
  }
}

bool response_body::end_decoding() {
  if (!decoder_->idle()) return true;
  try {
    decoder_->end();
  } catch (const coding_error& failed) {
    coding_error_ = failed.what();
    return fail(fault::coding);
  }
  decoder_.reset();
  return true;
}

void response_body::raise(const std::string& from) const {
  switch (fault_) {
    case fault::too_high_a_ratio:
      throw error(failure_kind::too_large,
                  fmt::format("the body from {} is over the limit of {} decoded bytes for each coded one", from,
                              options_.max_decoding_ratio));
    case fault::coding:
      throw error(failure_kind::protocol,
                  fmt::format("{} sent a body that cannot be decoded: {} (RFC 9110 section 8.4)", from,
                              printable(coding_error_)));
    default:
      throw error(failure_kind::too_large,
                  fmt::format("the body from {} is over the limit of {} bytes", from, options_.max_body_bytes));
  }
}

}  // namespace fanout::http
