#include "http/loop/h2_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

namespace fanout::http {

// Lies before what nghttp2 is given.
struct alignas(std::max_align_t) h2_memory::block {
  std::size_t size = 0;  ///< of what follows
  block* next = nullptr;
  void* bytes() noexcept { return this + 1; }
  static block* of(void* bytes) noexcept { return static_cast<block*>(bytes) - 1; }
};

h2_memory::~h2_memory() {
  for (kept_blocks& kept : kept_)
    while (block* const gone = kept.first) {
      kept.first = gone->next;
      std::free(gone);
    }
}

nghttp2_mem h2_memory::functions() noexcept {
  return {this, take, give_back, take_zeroed, resize};
}

void* h2_memory::take(std::size_t size, void* self) noexcept {
  if (size > std::numeric_limits<std::size_t>::max() / 2) return nullptr;
  const std::size_t kind = size == 0 ? 0 : (size - 1) / granule;
  if (kind < kinds) {
    size = (kind + 1) * granule;
    kept_blocks& kept = static_cast<h2_memory*>(self)->kept_[kind];
    if (block* const found = kept.first) {
      kept.first = found->next;
      --kept.count;
      return found->bytes();
    }
  }
  auto* const made = static_cast<block*>(std::malloc(sizeof(block) + size));
  if (!made) return nullptr;
  made->size = size;
  return made->bytes();
}

void* h2_memory::take_zeroed(std::size_t count, std::size_t size, void* self) noexcept {
  if (size != 0 && count > std::numeric_limits<std::size_t>::max() / size) return nullptr;
  void* const made = take(count * size, self);
  return made ? std::memset(made, 0, count * size) : nullptr;
}

void* h2_memory::resize(void* bytes, std::size_t size, void* self) noexcept {
  if (!bytes) return take(size, self);
  const std::size_t before = block::of(bytes)->size;
  if (size <= before) return bytes;
  void* const made = take(size, self);
  if (!made) return nullptr;
  std::memcpy(made, bytes, before);
  give_back(bytes, self);
  return made;
}

void h2_memory::give_back(void* bytes, void* self) noexcept {
  if (!bytes) return;
  block* const gone = block::of(bytes);
  const std::size_t kind = gone->size / granule - 1;
  if (gone->size <= kinds * granule) {
    kept_blocks& kept = static_cast<h2_memory*>(self)->kept_[kind];
    if (kept.count < most_kept) {
      ++kept.count;
      gone->next = std::exchange(kept.first, gone);
      return;
    }
  }
  std::free(gone);
}

}  // namespace fanout::http
