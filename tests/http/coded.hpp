#pragma once

#include <zlib.h>
#include <zstd.h>

#include <brotli/encode.h>

#include <stdexcept>
#include <string>
#include <string_view>

/// \file
/// Coded bodies, made by the libraries that servers use.
namespace fanout_test {

inline constexpr int gzip_bits = 16 + MAX_WBITS, zlib_bits = MAX_WBITS, raw_bits = -MAX_WBITS;

inline std::string deflated(std::string_view plain, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string coded(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(coded.data());
  stream.avail_out = static_cast<uInt>(coded.size());
  const int result = deflate(&stream, Z_FINISH);
  coded.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("deflate");
  return coded;
}

inline std::string brotlied(std::string_view plain) {
  std::string coded(BrotliEncoderMaxCompressedSize(plain.size()) + 16, '\0');
  std::size_t size = coded.size();
  if (!BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, plain.size(),
                             reinterpret_cast<const std::uint8_t*>(plain.data()), &size,
                             reinterpret_cast<std::uint8_t*>(coded.data())))
    throw std::runtime_error("brotli");
  coded.resize(size);
  return coded;
}

inline std::string zstded(std::string_view plain, int window_log = 0) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  if (window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string coded(ZSTD_compressBound(plain.size()), '\0');
  ZSTD_inBuffer in{plain.data(), plain.size(), 0};
  ZSTD_outBuffer out{coded.data(), coded.size(), 0};
  // Two steps, as one of known size would choose the smallest window that does.
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
  const std::size_t left = ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  if (left != 0) throw std::runtime_error("zstd");
  coded.resize(out.pos);
  return coded;
}

/// `plain` in the coding of this name.
inline std::string coded(std::string_view plain, std::string_view coding) {
  if (coding == "gzip") return deflated(plain, gzip_bits);
  if (coding == "deflate") return deflated(plain, zlib_bits);
  if (coding == "br") return brotlied(plain);
  return zstded(plain);
}

}  // namespace fanout_test
