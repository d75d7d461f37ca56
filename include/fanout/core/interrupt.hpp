#pragma once

#include <atomic>

/// \file
/// Ending a run from a signal handler.
namespace fanout {

/// Two-stage stop: the first `raise` drains the run (nothing more is pulled, tasks under way finish), the second one
/// aborts it (they are cancelled). `std::stop_source::request_stop` runs callbacks and takes locks, so a signal handler
/// must not call it; `raise` only stores and writes to a descriptor.
///
///     fanout::interrupt ctrl_c;                                   // namespace scope
///     std::signal(SIGINT, [](int) { ctrl_c.raise(); });
///     how.interrupt = &ctrl_c;                                    // fanout::options
///
/// Coroutine tasks and worker processes see it at once, blocking tasks in this process when they ask for an input.
///
/// Thread safety: all members may be called from any thread; `raise` also from a signal handler.
class interrupt {
 public:
  interrupt();  ///< throws `std::system_error` when no descriptor is left
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;
  ~interrupt();

  void raise() noexcept;
  /// How often it was raised: 0, 1 (drain), 2 or more (abort).
  int level() const noexcept { return level_.load(std::memory_order_acquire); }

  /// Readable once the level is 1, or 2; it stays so.
  int drain_handle() const noexcept { return drain_; }
  int abort_handle() const noexcept { return abort_; }

 private:
  std::atomic<int> level_{0};
  int drain_ = -1;
  int abort_ = -1;
};

}  // namespace fanout
