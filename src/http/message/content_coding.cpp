#include "http/message/content_coding.hpp"

#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <brotli/decode.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

namespace fanout::http {
namespace {

// --- one class for each coding, over the library that knows it

constexpr const char* goes_on = "bytes after the end of the coded data";

/// What gzip and deflate share.
class zlib_decoder : public decoder {
 public:
  ~zlib_decoder() override {
    if (open_) inflateEnd(&stream_);
  }
  bool whole() const noexcept override { return ended_; }

 protected:
  void open(int window_bits) {
    if (inflateInit2(&stream_, window_bits) != Z_OK) throw std::bad_alloc();
    open_ = true;
  }

  std::size_t inflate_some(std::string_view& coded, std::span<char> into) {
    // zlib's interface is older than const. What is over 4 GiB is left for the next call.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(coded.size(), 1U << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(into.size());
    const uInt before = stream_.avail_in;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    coded.remove_prefix(before - stream_.avail_in);
    if (result == Z_STREAM_END)
      ended_ = true;
    else if (result != Z_OK && result != Z_BUF_ERROR)
      throw coding_error(stream_.msg ? stream_.msg : "malformed data");
    return into.size() - stream_.avail_out;
  }

  z_stream stream_{};
  bool open_ = false;
  bool ended_ = false;
};

class gzip_decoder final : public zlib_decoder {
 public:
  gzip_decoder() { open(16 + MAX_WBITS); }

  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    std::size_t written = 0;
    while (written < into.size()) {
      if (ended_ && coded.empty()) break;
      if (ended_) inflateReset(&stream_);
      ended_ = false;
      const std::size_t more = inflate_some(coded, into.subspan(written));
      written += more;
      if (more == 0 && coded.empty()) break;
    }
    return written;
  }
};

class deflate_decoder final : public zlib_decoder {
 public:
  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    if (!open_ && !choose(coded)) return 0;
    std::size_t written = 0;
    std::string_view start = start_;
    while (!start.empty() && written < into.size() && !ended_) written += inflate_some(start, into.subspan(written));
    start_.assign(start);
    while (written < into.size() && !ended_) {
      const std::size_t more = inflate_some(coded, into.subspan(written));
      written += more;
      if (more == 0 && coded.empty()) break;
    }
    if (ended_ && (!start_.empty() || !coded.empty())) throw coding_error(goes_on);
    return written;
  }

 private:
  // The two bytes a zlib stream begins with are a multiple of 31 (RFC 1950 section 2.2) and name the method 8. As raw
  // data they would announce a stored block whose length and its complement disagree, or codes nobody sends first.
  bool choose(std::string_view& coded) {
    const std::size_t wanted = std::min<std::size_t>(2 - start_.size(), coded.size());
    start_.append(coded.substr(0, wanted));
    coded.remove_prefix(wanted);
    if (start_.size() < 2) return false;
    const unsigned first = static_cast<unsigned char>(start_[0]), second = static_cast<unsigned char>(start_[1]);
    const bool wrapped = (first & 0x0f) == 8 && first >> 4 <= 7 && (first << 8 | second) % 31 == 0;
    open(wrapped ? MAX_WBITS : -MAX_WBITS);
    return true;
  }

  std::string start_;  ///< bytes looked at and not decoded yet
};

class brotli_decoder final : public decoder {
 public:
  brotli_decoder() : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr), BrotliDecoderDestroyInstance) {
    if (!state_) throw std::bad_alloc();
  }

  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    std::size_t left = into.size();
    if (!ended_) {
      std::size_t available = coded.size();
      const auto* next = reinterpret_cast<const std::uint8_t*>(coded.data());
      auto* out = reinterpret_cast<std::uint8_t*>(into.data());
      const auto result = BrotliDecoderDecompressStream(state_.get(), &available, &next, &left, &out, nullptr);
      coded.remove_prefix(coded.size() - available);
      if (result == BROTLI_DECODER_RESULT_ERROR)
        throw coding_error(BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state_.get())));
      ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    }
    if (ended_ && !coded.empty()) throw coding_error(goes_on);
    return into.size() - left;
  }

  bool whole() const noexcept override { return ended_; }

 private:
  std::unique_ptr<BrotliDecoderState, void (*)(BrotliDecoderState*)> state_;
  bool ended_ = false;
};

class zstd_decoder final : public decoder {
 public:
  // The first byte of a frame and of a skippable one (RFC 8878 sections 3.1.1 and 3.1.2).
  static bool begins_frame(char first) noexcept { return first == '\x28' || (first & '\xf0') == '\x50'; }

  zstd_decoder() : stream_(ZSTD_createDStream(), ZSTD_freeDStream) {
    if (!stream_) throw std::bad_alloc();
    // 8 MiB: what RFC 9659 allows a sender to make a receiver keep.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 23);
  }

  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    ZSTD_inBuffer in{coded.data(), coded.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    // A full buffer may leave more to come without input, except at the end of a frame: asking again there would begin
    // the next frame, which may not exist.
    while (out.pos < out.size && (in.pos < in.size || filled_)) {
      const std::size_t before = out.pos;
      // The library also reads what zstd wrote before it was a standard, and that depends on how it is cut.
      if (between_frames_ && in.pos < in.size && !begins_frame(coded[in.pos]))
        throw coding_error("no frame of zstd where one should begin");
      between_frames_ = false;
      wanted_ = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(wanted_)) throw coding_error(ZSTD_getErrorName(wanted_));
      filled_ = out.pos == out.size && wanted_ != 0;
      between_frames_ = wanted_ == 0;
      if (out.pos == before && in.pos == in.size) break;
    }
    coded.remove_prefix(in.pos);
    return out.pos;
  }

  bool whole() const noexcept override { return wanted_ == 0; }

 private:
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  std::size_t wanted_ = 1;      ///< 0 between frames
  bool between_frames_ = true;  ///< the next byte is the first of a frame
  bool filled_ = false;         ///< the last buffer was too small for what there was
};

// --- one over another

/// Undoes `outer`, which was applied last, and then `inner`.
class stacked_decoder final : public decoder {
 public:
  stacked_decoder(std::unique_ptr<decoder> outer, std::unique_ptr<decoder> inner)
      : outer_(std::move(outer)), inner_(std::move(inner)) {}

  std::size_t decode(std::string_view& coded, std::span<char> into) override {
    std::size_t written = 0;
    for (;;) {
      written += inner_->decode(pending_, into.subspan(written));
      if (written == into.size()) return written;
      const std::size_t more = outer_->decode(coded, between_);
      if (more == 0) return written;
      pending_ = {between_.data(), more};
    }
  }

  bool whole() const noexcept override { return outer_->whole() && inner_->whole(); }

 private:
  std::unique_ptr<decoder> outer_, inner_;
  std::array<char, 16 * 1024> between_{};
  std::string_view pending_;
};

}  // namespace

std::unique_ptr<decoder> make_decoder(std::string_view coding) {
  if (equal_ignoring_case(coding, "gzip") || equal_ignoring_case(coding, "x-gzip"))
    return std::make_unique<gzip_decoder>();
  if (equal_ignoring_case(coding, "deflate")) return std::make_unique<deflate_decoder>();
  if (equal_ignoring_case(coding, "br")) return std::make_unique<brotli_decoder>();
  if (equal_ignoring_case(coding, "zstd")) return std::make_unique<zstd_decoder>();
  return nullptr;
}

std::unique_ptr<decoder> make_decoder_stack(std::string_view codings, std::size_t most) {
  std::unique_ptr<decoder> stack;
  std::size_t count = 0;
  // Listed in the order they were applied: the last one is undone first.
  while (!codings.empty()) {
    const auto comma = codings.find(',');
    const auto name = trimmed(codings.substr(0, comma));
    codings.remove_prefix(comma == codings.npos ? codings.size() : comma + 1);
    if (name.empty() || equal_ignoring_case(name, "identity")) continue;
    if (++count > most) throw coding_error(fmt::format("more than {} content codings, one over another", most));
    auto each = make_decoder(name);
    if (!each) return nullptr;
    stack = stack ? std::make_unique<stacked_decoder>(std::move(each), std::move(stack)) : std::move(each);
  }
  return stack;
}

}  // namespace fanout::http
