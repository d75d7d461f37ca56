#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstddef>

/// \file
namespace fanout::http {

/// Blocks of memory for nghttp2, used again: it asks for the same few sizes with each stream and each frame. One serves
/// all sessions of a loop, and must outlive them.
///
/// Thread safety: none.
class h2_memory {
 public:
  h2_memory() = default;
  h2_memory(const h2_memory&) = delete;
  h2_memory& operator=(const h2_memory&) = delete;
  ~h2_memory();

  /// What a session is made with. It refers to this.
  nghttp2_mem functions() noexcept;

 private:
  struct block;
  static constexpr std::size_t granule = 64;
  static constexpr std::size_t kinds = 18;       ///< sizes up to 18 × 64 bytes, a whole stream among them
  static constexpr std::size_t most_kept = 256;  ///< blocks of one size

  static void* take(std::size_t size, void* self) noexcept;
  static void* take_zeroed(std::size_t count, std::size_t size, void* self) noexcept;
  static void* resize(void* bytes, std::size_t size, void* self) noexcept;
  static void give_back(void* bytes, void* self) noexcept;

  struct kept_blocks {
    block* first = nullptr;
    std::size_t count = 0;
  };
  std::array<kept_blocks, kinds> kept_{};
};

}  // namespace fanout::http
