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

class alarm_clock;

/// Something that happens at a point in time, unless it is stopped before. On an `io_context`'s own executor all alarms
/// of that context share one Asio timer (`alarm_clock`): setting and stopping one costs no allocation, and no system
/// call as a rule. On any other, a strand for example, an alarm has a timer of its own.
///
/// Thread safety: none for one alarm; those of one context may be used from several threads at the same time.
class alarm {
 public:
  alarm() = default;
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  /// `ring` is called once, on `executor`, at `when` or later. Not to be called on an alarm that is set.
  void set(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when);
  /// False: it has rung, will ring whatever is done, or was never set.
  bool stop() noexcept;

 protected:
  virtual ~alarm() { stop(); }

  /// Sets it on the shared timer; false where `executor` has none.
  bool set_shared(const asio::any_io_executor& executor, std::chrono::steady_clock::time_point when);

  /// Says, once it has rung, that it needs no stopping.
  void rung() noexcept { clock_ = nullptr; }

  std::unique_ptr<asio::steady_timer> own_timer_;

 private:
  friend class alarm_clock;
  /// False: what it has begun is to be heard of in a turn of the loop before the next one rings.
  virtual bool ring() = 0;
  /// The context is being destroyed; this will not ring.
  virtual void clock_ends() noexcept {}

  alarm_clock* clock_ = nullptr;  ///< where it is set; of no interest once that is known to be over
  std::size_t place_ = 0;         ///< in the clock's heap, 1 for the first; 0: not set. Guarded by the clock's mutex
};

}  // namespace fanout::detail
