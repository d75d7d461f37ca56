#include "http/body/response_body.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace fanout::http {
namespace {

// A length is only a claim: no more than this is set aside before the bytes arrive.
constexpr std::uint64_t most_reserved = 1024 * 1024;

// From here on glibc asks the system for each block and gives it back when it is freed, so that its pages are cleared
// anew for each body.
constexpr std::uint64_t large = 128 * 1024;

/// glibc keeps as much free memory as twice the largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD), so it
/// is shown one: a program that keeps bodies of 1 MiB, ten at a time, then is 2.5 times as fast (docs/benchmarks.md).
/// No setting of the program's is changed by it, and other allocators see one block that is never touched.
void keep_memory_of_large_bodies() {
  static const bool shown = [] {
    constexpr std::size_t as_much = 16 * 1024 * 1024;
    // A call: a compiler may leave out new and delete of an expression.
    ::operator delete(::operator new(as_much, std::nothrow));
    return true;
  }();
  static_cast<void>(shown);
}

}  // namespace

bool response_body::announce(std::uint64_t coded_bytes) {
  if (is_too_large(coded_bytes)) return fail(fault::too_many_bytes);
  const bool read_bit_by_bit = room_ != std::numeric_limits<std::size_t>::max();
  if (keep_ && !read_bit_by_bit && coded_bytes >= large) keep_memory_of_large_bodies();
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
