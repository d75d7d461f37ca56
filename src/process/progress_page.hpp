#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fanout::detail {

/// A page of memory that a worker shares with its parent, so that the parent can tell, after the worker died, which of
/// the tasks handed to it had been started, and while it lives, for how long each lane has been at its task. It holds
/// no lock: the worker stores, the parent loads. A worker without one (on another machine) is merely judged more
/// coarsely.
class progress_page {
 public:
  struct lane_state {
    std::atomic<std::uint64_t> task{0};       ///< ordinal of the task under way + 1; 0 between tasks
    std::atomic<std::int64_t> started_ns{0};  ///< steady clock
  };

  /// A new page for `lanes` lanes, all zero. Throws `std::system_error`.
  static progress_page create(std::uint32_t lanes);
  /// The page behind `descriptor`, as inherited by a worker. Throws `std::system_error`.
  static progress_page open(int descriptor, std::uint32_t lanes);

  progress_page() = default;
  progress_page(progress_page&& other) noexcept;
  progress_page& operator=(progress_page&& other) noexcept;
  ~progress_page();

  int descriptor() const noexcept { return descriptor_; }
  void close_descriptor() noexcept;

  /// Tasks started so far, in the order in which they were handed over. Release, acquire: whoever sees a task counted
  /// also sees what its lane stored before.
  std::uint64_t started() const noexcept { return header()->started.load(std::memory_order_acquire); }
  void count_started() noexcept { header()->started.fetch_add(1, std::memory_order_release); }

  lane_state& lane(std::uint32_t number) const noexcept { return header()->lanes[number]; }

 private:
  struct layout {
    std::atomic<std::uint64_t> started;
    lane_state lanes[1];  // as many as there are
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock in shared memory would die with its holder");

  static std::size_t bytes_for(std::uint32_t lanes) { return sizeof(layout) + lanes * sizeof(lane_state); }
  void map(std::size_t bytes);
  layout* header() const noexcept { return static_cast<layout*>(memory_); }

  int descriptor_ = -1;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace fanout::detail
