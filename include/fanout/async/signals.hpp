#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/signal_set.hpp>

#include <concepts>
#include <optional>
#include <vector>

/// \file
/// Signals of the operating system as values.
///
///     fanout::signals stop(co_await asio::this_coro::executor, SIGINT, SIGTERM);
///     const int which = co_await stop.next();
namespace fanout {

/// Signals that are awaited. From registration to destruction they do not have their usual effect on this process, and
/// those that come while nobody waits are kept for whoever asks next, one value for each. (The kernel itself counts a
/// signal that is pending already as one with it.) When several coroutines wait, on this object or on another with the
/// same signal, each gets it.
///
/// Given an executor, it registers at once; without one, when `next()` is first awaited, on the executor of whoever
/// awaits: until then a signal still has its usual effect. Destroy it before its executor's context, and do not combine
/// it with handlers set by other means for the same signals (Asio, `sigaction(2)`).
///
/// Thread safety: none.
class signals {
 public:
  /// Throws `boost::system::system_error` for a number that cannot be caught.
  template <std::same_as<int>... More>
  signals(asio::any_io_executor executor, int first, More... more) : numbers_{first, more...} {
    register_on(executor);
  }
  template <std::same_as<int>... More>
  explicit signals(int first, More... more) : numbers_{first, more...} {}

  /// Waits for the next signal and returns its number. One that is cancelled throws `operation_aborted` and loses none.
  task<int> next() { return wait(*this); }

 private:
  void register_on(const asio::any_io_executor& executor);
  static task<int> wait(signals& self);

  std::vector<int> numbers_;
  std::optional<asio::signal_set> registered_;
};

}  // namespace fanout
