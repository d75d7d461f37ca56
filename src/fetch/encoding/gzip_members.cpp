#include "fetch/encoding/gzip_members.hpp"

#include <libdeflate.h>

#include <new>

namespace fanout::fetch {

void gzip_members::freed::operator()(libdeflate_compressor* compressor) const noexcept {
  libdeflate_free_compressor(compressor);
}

gzip_members::gzip_members() : compressor_(libdeflate_alloc_compressor(1)) {
  if (!compressor_) throw std::bad_alloc();
}
gzip_members::gzip_members(gzip_members&&) noexcept = default;
gzip_members& gzip_members::operator=(gzip_members&&) noexcept = default;
gzip_members::~gzip_members() = default;

void gzip_members::append(std::string& into, std::string_view bytes) {
  const std::size_t before = into.size();
  into.resize(before + libdeflate_gzip_compress_bound(compressor_.get(), bytes.size()));
  const std::size_t size = libdeflate_gzip_compress(compressor_.get(), bytes.data(), bytes.size(), into.data() + before,
                                                    into.size() - before);
  into.resize(before + size);  // the bound is enough for any bytes
}

}  // namespace fanout::fetch
