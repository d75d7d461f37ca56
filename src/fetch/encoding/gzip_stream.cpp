#include "fetch/encoding/gzip_stream.hpp"

#include <zlib.h>

#include <array>
#include <cstddef>
#include <new>
#include <stdexcept>

namespace fanout::fetch {
namespace {

using room = std::array<char, std::size_t{32} * 1024>;

}  // namespace

gzip_stream::gzip_stream() : stream_(std::make_unique<z_stream>()) {
  constexpr int fastest = 1;  // as gzip_members: most of what is large is packed already
  constexpr int memory = 8;   // zlib's default
  if (deflateInit2(stream_.get(), fastest, Z_DEFLATED, 16 + MAX_WBITS, memory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
}
gzip_stream::~gzip_stream() {
  deflateEnd(stream_.get());
}

void gzip_stream::append(std::string& into, std::string_view bytes) {
  pack(into, bytes, Z_NO_FLUSH);
}
void gzip_stream::end(std::string& into) {
  pack(into, {}, Z_FINISH);
}

void gzip_stream::pack(std::string& into, std::string_view bytes, int flush) {
  stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<uInt>(bytes.size());
  room packed;  // NOLINT(cppcoreguidelines-pro-member-init): deflate fills what is read of it
  for (;;) {
    stream_->next_out = reinterpret_cast<Bytef*>(packed.data());
    stream_->avail_out = static_cast<uInt>(packed.size());
    const int result = deflate(stream_.get(), flush);
    into.append(packed.data(), packed.size() - stream_->avail_out);
    if (result == Z_STREAM_ERROR) throw std::runtime_error("zlib cannot compress");
    if (stream_->avail_out > 0) return;
  }
}

}  // namespace fanout::fetch
