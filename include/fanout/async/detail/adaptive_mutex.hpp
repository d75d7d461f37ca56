#pragma once

#include <atomic>

/// \file
/// A lock for a few instructions. Not for users.
namespace fanout::detail {

/// A mutex for sections so short that whoever finds it held does well to wait a moment before it sleeps: two threads
/// that hand values to each other meet here all the time, and sleeping and waking costs a hundred times what the
/// section does. Not held by anybody, it costs one atomic operation to take and one to give back, without a call.
///
/// Meets the standard's requirements for `std::lock_guard`. It may be destroyed by whoever has it last.
class adaptive_mutex {
 public:
  adaptive_mutex() = default;
  adaptive_mutex(const adaptive_mutex&) = delete;
  adaptive_mutex& operator=(const adaptive_mutex&) = delete;

  void lock() noexcept {
    if (!try_lock()) lock_contended();
  }
  bool try_lock() noexcept {
    int expected = free;
    return state_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }
  /// After the exchange another thread may have it, and destroy it: a wake-up needs no more than its address.
  void unlock() noexcept {
    if (state_.exchange(free, std::memory_order_release) == awaited) state_.notify_one();
  }

 private:
  static constexpr int free = 0;
  static constexpr int held = 1;
  static constexpr int awaited = 2;  ///< held, and maybe there are threads asleep

  void lock_contended() noexcept;

  std::atomic<int> state_ = free;
};

}  // namespace fanout::detail
