#include "support/counted_heap.hpp"

#include "support/sanitized.hpp"

#include <atomic>
#include <cerrno>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define FANOUT_TEST_HEAP_IS_THE_SANITIZERS
#endif
#elif defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FANOUT_TEST_HEAP_IS_THE_SANITIZERS
#endif

namespace {
std::atomic<std::ptrdiff_t> live = 0;  // relaxed: threads that are compared with have been joined
}

std::optional<std::ptrdiff_t> fanout::test::live_allocations() noexcept {
  if (sanitized) return std::nullopt;
  return live.load();
}

#ifndef FANOUT_TEST_HEAP_IS_THE_SANITIZERS

// glibc's own, under the names it has for whoever replaces them ("Replacing malloc" in its manual).
extern "C" {
void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* old);
}

namespace {

void* counted(void* fresh) noexcept {
  if (fresh) live.fetch_add(1, std::memory_order_relaxed);
  return fresh;
}

}  // namespace

extern "C" {

void* malloc(std::size_t bytes) {
  return counted(__libc_malloc(bytes));
}
void* calloc(std::size_t count, std::size_t bytes) {
  return counted(__libc_calloc(count, bytes));
}
void* realloc(void* old, std::size_t bytes) {
  void* const moved = __libc_realloc(old, bytes);
  if (!old) counted(moved);
  if (old && bytes == 0) live.fetch_sub(1, std::memory_order_relaxed);
  return moved;
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  return counted(__libc_memalign(alignment, bytes));
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return counted(__libc_memalign(alignment, bytes));
}
int posix_memalign(void** place, std::size_t alignment, std::size_t bytes) {
  void* const fresh = counted(__libc_memalign(alignment, bytes));
  if (!fresh) return ENOMEM;
  *place = fresh;
  return 0;
}
void free(void* old) {
  if (old) live.fetch_sub(1, std::memory_order_relaxed);
  __libc_free(old);
}
}

#endif
