#pragma once

#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;

namespace fanout::fetch {

/// Makes zstd frames (RFC 8878), each whole by itself and with a checksum, as gzip_members makes members. Level 3.
///
/// Thread safety: none; each lane has one.
class zstd_frames {
 public:
  zstd_frames();
  zstd_frames(zstd_frames&&) noexcept;
  zstd_frames& operator=(zstd_frames&&) noexcept;
  ~zstd_frames();

  void append(std::string& into, std::string_view bytes);

 private:
  struct freed {
    void operator()(ZSTD_CCtx_s* context) const noexcept;
  };
  std::unique_ptr<ZSTD_CCtx_s, freed> context_;
};

}  // namespace fanout::fetch
