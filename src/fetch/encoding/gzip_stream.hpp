#pragma once

#include <memory>
#include <string>
#include <string_view>

struct z_stream_s;

namespace fanout::fetch {

/// One gzip member (RFC 1952) that is larger than memory should hold, made piece by piece: by zlib, as libdeflate packs
/// what is there as a whole. Thread safety: none.
class gzip_stream {
 public:
  gzip_stream();
  gzip_stream(const gzip_stream&) = delete;
  gzip_stream& operator=(const gzip_stream&) = delete;
  ~gzip_stream();

  void append(std::string& into, std::string_view bytes);
  /// Ends the member; once.
  void end(std::string& into);

 private:
  void pack(std::string& into, std::string_view bytes, int flush);

  const std::unique_ptr<z_stream_s> stream_;
};

}  // namespace fanout::fetch
