#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>

/// \file
namespace fanout::http {

namespace asio = boost::asio;

/// A timer that keeps no `io_context::run()` from returning: it fires while the loop runs for other reasons, and late
/// when the loop stood still at its time. Thread safety: none.
class background_timer {
 public:
  using clock = std::chrono::steady_clock;

  background_timer(asio::io_context& loop, std::function<void()> action);
  background_timer(const background_timer&) = delete;
  background_timer& operator=(const background_timer&) = delete;
  ~background_timer();

  /// Calls `action` at `when`, instead of at the time set before.
  void set(clock::time_point when);
  /// When it fires; max while it is not set.
  clock::time_point set_for() const noexcept { return when_; }
  void clear();

 private:
  asio::io_context& loop_;
  std::function<void()> action_;
  asio::basic_waitable_timer<clock, asio::wait_traits<clock>, asio::io_context::executor_type> timer_;
  clock::time_point when_ = clock::time_point::max();
  std::shared_ptr<bool> alive_;
};

}  // namespace fanout::http
