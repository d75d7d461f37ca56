#pragma once

#include <fanout/async/detail/wait_queue.hpp>

#include <memory>

/// \file
/// Something that happens, and those who wait for it: `asyncio.Event`, for several loops and threads.
///
///     fanout::event ready;
///     co_await ready.wait();  // at once if it is set
namespace fanout {

/// A flag that coroutines wait for. `set` lets all of them go on, also if `clear` comes before they have run.
///
/// Thread safety: all members may be called from any thread. Destroying it ends all waits with `operation_aborted`.
class event {
 public:
  event();
  event(const event&) = delete;
  event& operator=(const event&) = delete;
  ~event();

  void set() noexcept;
  void clear() noexcept;
  bool is_set() const noexcept;
  /// Returns when it is set, without suspending if it is already. Throws `operation_aborted` when cancelled.
  task<void> wait();

 private:
  class state;
  static task<void> wait_for(std::shared_ptr<state> awaited);

  std::shared_ptr<state> state_;
};

}  // namespace fanout
