#pragma once

#include "process/channel/unsent_results.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fanout::detail {

/// Memory that a worker shares with its parent, so that the parent can tell, after the worker died, which of the tasks
/// handed to it had been started, and what came of those that were finished; and while it lives, for how long each lane
/// has been at its task. It holds no lock: the worker stores, the parent loads.
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

  /// \name Claiming
  /// One word says how many tasks of those handed over have been started, and how many may be: tasks are started in the
  /// order of their ordinals, each by a compare-and-exchange. So the worker can give back what it has not started, and
  /// the parent can tell, whenever the worker died, which tasks were started, and no task is ever both.
  /// Release, acquire: a thread that sees a task claimed, or allowed, also sees what was stored before.
  /// @{
  /// Tasks started so far. `near` is any ordinal of a task that may be under way: the word holds 32 bits.
  std::uint64_t started(std::uint64_t near) const noexcept { return extend(claimed_of(load()), near); }
  /// Claims the task that is next and sets `ordinal` to its, unless there is none or it is the one at `end`.
  bool claim(const std::atomic<std::uint32_t>& end, std::uint32_t& ordinal) const noexcept;
  std::uint32_t next() const noexcept { return claimed_of(header()->tasks.load()); }
  std::uint32_t allowed() const noexcept { return static_cast<std::uint32_t>(load()); }
  /// Allows tasks up to before the ordinal `end`. One thread of the worker at a time.
  void allow(std::uint32_t end) const noexcept;
  /// Takes back all that are not claimed but for `keep`, and returns the ordinal of the first that was taken back.
  std::uint32_t withdraw(std::uint32_t keep) const noexcept;
  /// @}

  /// What the lower half of an ordinal stands for, next to one that is less than 2^31 away.
  static std::uint64_t extend(std::uint32_t low, std::uint64_t near) noexcept {
    return near +
           static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(low - static_cast<std::uint32_t>(near))});
  }

  /// While the worker runs code of the user's that is no task: its initializer, or the making of a context.
  void set_preparing(bool now) const noexcept { header()->preparing.store(now ? 1 : 0, std::memory_order_release); }
  bool preparing() const noexcept { return header()->preparing.load(std::memory_order_acquire) != 0; }

  lane_state& lane(std::uint32_t number) const noexcept { return header()->lanes[number]; }
  /// What the worker has finished and not sent.
  unsent_results& unsent() const noexcept { return header()->unsent; }

 private:
  struct layout {
    unsent_results unsent;
    alignas(64) std::atomic<std::uint64_t> tasks;  ///< claimed, in the upper half; allowed, in the lower
    std::atomic<std::uint32_t> preparing;
    lane_state lanes[1];  // as many as there are
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a lock in shared memory would die with its holder");

  static std::uint32_t claimed_of(std::uint64_t word) noexcept { return static_cast<std::uint32_t>(word >> 32); }
  std::uint64_t load() const noexcept { return header()->tasks.load(std::memory_order_acquire); }
  static std::size_t bytes_for(std::uint32_t lanes) { return sizeof(layout) + lanes * sizeof(lane_state); }
  void map(std::size_t bytes);
  layout* header() const noexcept { return static_cast<layout*>(memory_); }

  int descriptor_ = -1;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace fanout::detail
