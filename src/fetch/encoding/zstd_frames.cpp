#include "fetch/encoding/zstd_frames.hpp"

#include <zstd.h>

#include <new>
#include <stdexcept>

namespace fanout::fetch {

void zstd_frames::freed::operator()(ZSTD_CCtx_s* context) const noexcept {
  ZSTD_freeCCtx(context);
}

zstd_frames::zstd_frames() : context_(ZSTD_createCCtx()) {
  if (!context_) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, 3);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}
zstd_frames::zstd_frames(zstd_frames&&) noexcept = default;
zstd_frames& zstd_frames::operator=(zstd_frames&&) noexcept = default;
zstd_frames::~zstd_frames() = default;

void zstd_frames::append(std::string& into, std::string_view bytes) {
  const std::size_t before = into.size();
  into.resize(before + ZSTD_compressBound(bytes.size()));
  const std::size_t size =
      ZSTD_compress2(context_.get(), into.data() + before, into.size() - before, bytes.data(), bytes.size());
  if (ZSTD_isError(size) != 0) {
    into.resize(before);
    throw std::runtime_error(std::string("zstd cannot compress: ") + ZSTD_getErrorName(size));
  }
  into.resize(before + size);
}

}  // namespace fanout::fetch
