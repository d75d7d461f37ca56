#include "fetch/sources/input_file.hpp"

#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace fanout::fetch {
namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;

/// RFC 1952, any number of members one after another.
class gzip_unpacker final : public unpacker {
 public:
  gzip_unpacker() : chunk_(chunk_bytes, '\0') {
    if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) throw std::runtime_error("gzip: out of memory");
  }
  gzip_unpacker(const gzip_unpacker&) = delete;
  gzip_unpacker& operator=(const gzip_unpacker&) = delete;
  ~gzip_unpacker() override { inflateEnd(&stream_); }

  void unpack(const char* packed, std::size_t size, std::string& into) override {
    // zlib's interface is older than const.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed));
    stream_.avail_in = static_cast<uInt>(size);
    while (stream_.avail_in > 0) {
      if (at_member_end_) {
        inflateReset(&stream_);
        at_member_end_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(chunk_.data());
      stream_.avail_out = static_cast<uInt>(chunk_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      into.append(chunk_.data(), chunk_.size() - stream_.avail_out);
      if (result == Z_STREAM_END)
        at_member_end_ = true;
      else if (result != Z_OK && result != Z_BUF_ERROR)
        throw std::runtime_error(std::string("gzip: ") + (stream_.msg ? stream_.msg : "corrupt data"));
    }
  }

  void finish() override {
    if (!at_member_end_) throw std::runtime_error("gzip: the file ends in the middle");
  }

 private:
  z_stream stream_{};
  std::string chunk_;
  bool at_member_end_ = false;
};

class zstd_unpacker final : public unpacker {
 public:
  zstd_unpacker() : stream_(ZSTD_createDStream(), ZSTD_freeDStream), chunk_(chunk_bytes, '\0') {
    if (!stream_) throw std::runtime_error("zstd: out of memory");
  }

  void unpack(const char* packed, std::size_t size, std::string& into) override {
    ZSTD_inBuffer in{packed, size, 0};
    // A full buffer may leave more to come without input, except at the end of a frame: asking again there would begin
    // the next frame, which may not exist.
    bool filled = false;
    while (in.pos < in.size || filled) {
      ZSTD_outBuffer out{chunk_.data(), chunk_.size(), 0};
      wanted_ = ZSTD_decompressStream(stream_.get(), &out, &in);
      if (ZSTD_isError(wanted_)) throw std::runtime_error(std::string("zstd: ") + ZSTD_getErrorName(wanted_));
      into.append(chunk_.data(), out.pos);
      filled = out.pos == out.size && wanted_ != 0;
    }
  }

  void finish() override {
    if (wanted_ != 0) throw std::runtime_error("zstd: the file ends in the middle");
  }

 private:
  std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream_;
  std::string chunk_;
  std::size_t wanted_ = 1;  ///< 0 between frames
};

}  // namespace

std::unique_ptr<unpacker> unpacker_for(const char* first, std::size_t size) {
  const std::string_view start(first, size);
  if (start.starts_with("\x1f\x8b")) return std::make_unique<gzip_unpacker>();
  // Frames, and the skippable frames (RFC 8878 section 3.1.2) that parallel compressors begin with.
  const bool skippable = start.size() >= 4 && (start[0] & 0xf0) == 0x50 && start.substr(1, 3) == "\x2a\x4d\x18";
  if (skippable || start.starts_with("\x28\xb5\x2f\xfd")) return std::make_unique<zstd_unpacker>();
  return nullptr;
}

}  // namespace fanout::fetch
