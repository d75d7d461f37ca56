#include <fanout/base/detail/fork_generation.hpp>

#include <pthread.h>

#include <atomic>

namespace fanout::detail {
namespace {

// Relaxed: it changes only while the process has one thread, the one that forked.
std::atomic<std::uint64_t> generation{0};

}  // namespace

std::uint64_t fork_generation() noexcept {
  [[maybe_unused]] static const int watched =
      pthread_atfork(nullptr, nullptr, [] { generation.fetch_add(1, std::memory_order_relaxed); });
  return generation.load(std::memory_order_relaxed);
}

}  // namespace fanout::detail
