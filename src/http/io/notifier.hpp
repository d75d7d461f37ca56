#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>

/// \file
namespace fanout::http {

/// Where one coroutine sleeps until anything that it waits for calls it: an answer, a socket, a deadline. Whoever is
/// woken asks again what has happened; a call while nobody sleeps is not lost.
///
/// Thread safety: none.
class notifier {
 public:
  explicit notifier(asio::io_context& loop) : timer_(loop.get_executor()) {}
  notifier(const notifier&) = delete;
  notifier& operator=(const notifier&) = delete;

  /// Until `notify`. Asio's cancellation ends it with `operation_aborted`.
  task<void> wait();
  void notify() noexcept;

 private:
  using clock = std::chrono::steady_clock;
  asio::basic_waitable_timer<clock, asio::wait_traits<clock>, asio::io_context::executor_type> timer_;
  bool notified_ = false;
};

}  // namespace fanout::http
