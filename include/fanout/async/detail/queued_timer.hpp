#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>

/// \file
/// Points in time, many of them on one timer. Not for users.
namespace fanout::detail {

class timer_queue;

/// Something that happens at a point in time, unless it is stopped before. On an `io_context`'s own executor all timers
/// of that context share one Asio timer (`timer_queue`): setting and stopping one costs no allocation, and no system
/// call as a rule. On any other, a strand for example, a queued timer has a timer of its own.
///
/// Set and stop one in the handlers of its context, which count as work there. Where a context has no work but timers,
/// the last of them that is stopped from elsewhere ends the context's `run`, as the end of any work does in Asio, and
/// `restart` must be called before it can be run again.
///
/// Thread safety: none for one queued_timer; those of one context may be used from several threads at the same time.
class queued_timer {
 public:
  queued_timer() = default;
  queued_timer(const queued_timer&) = delete;
  queued_timer& operator=(const queued_timer&) = delete;

  /// `fire` is called once, on `executor`, at `when` or later. Not to be called on a queued timer that is set.
  void set(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when);
  /// False: it has fired, will fire whatever is done, or was never set.
  bool stop() noexcept;

 protected:
  virtual ~queued_timer() { stop(); }

  /// Sets it on the shared timer; false where `executor` has none.
  bool set_shared(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when);

  /// Says, once it has fired, that it needs no stopping.
  void fired() noexcept { queue_ = nullptr; }

  std::unique_ptr<asio::steady_timer> own_timer_;

 private:
  friend class timer_queue;
  /// False: what it has begun is to be heard of in a turn of the loop before the next one fires.
  virtual bool fire() = 0;
  /// The context is being destroyed; this will not fire.
  virtual void queue_ends() noexcept {}

  timer_queue* queue_ = nullptr;  ///< where it is set; of no interest once that is known to be over
  std::size_t place_ = 0;         ///< in the queue's heap, 1 for the first; 0: not set. Guarded by the queue's mutex
};

}  // namespace fanout::detail
