#pragma once

#include <fanout/base/deadline.hpp>
#include <fanout/http/client_options.hpp>

#include "http/loop/time_limits.hpp"

#include <boost/system/error_code.hpp>

#include <chrono>
#include <optional>

/// \file
/// The deadlines of one request, on its loop.
namespace fanout::http {

class loop_state;

/// Arms the deadlines that `time_limits` works out, and ends the wait that one of them cuts short. A coroutine names
/// its wait beforehand, and asks afterwards, by `resumed`, why it ended.
///
/// Thread safety: none; belongs to its loop's thread.
class request_timer final : public deadline_entry {
 public:
  using clock = std::chrono::steady_clock;

  /// Ends the wait of a coroutine, whatever it waits on: by `cancel`, or `notify`. It refers to `Waiter`.
  class wait_handle {
   public:
    wait_handle() = default;
    template <class Waiter>
    explicit wait_handle(Waiter& waiter) noexcept
        : waiter_(&waiter), end_([](void* self) noexcept {
            auto& of = *static_cast<Waiter*>(self);
            if constexpr (requires { of.cancel(); })
              of.cancel();
            else
              of.notify();
          }) {}
    void end() const noexcept {
      if (waiter_) end_(waiter_);
    }

   private:
    void* waiter_ = nullptr;
    void (*end_)(void*) noexcept = nullptr;
  };

  explicit request_timer(loop_state& loop) : loop_(loop) {}

  /// Starts the clock for a request with its redirects. `options` must outlive that.
  void begin(const client_options& options);
  /// Disarms it and forgets the wait.
  void end() noexcept;

  /// The deadlines of `what`, a phase of opening a connection, apply from now on, and end this wait.
  void enter(phase what, wait_handle wait);
  /// The same for the transfer of one hop.
  void enter_transfer(wait_handle wait);
  /// Ends the wait at `when` as well, without a deadline having passed (`woke`); empty: no more.
  void wake_at(std::optional<clock::time_point> when);
  bool woke() const noexcept { return woke_; }
  /// The wait is over and its object may go.
  void forget_wait() noexcept { wait_ = {}; }

  /// While nobody waits for the peer no deadline runs; on again, the ones between bytes begin anew.
  void pause() noexcept;
  void go_on();

  /// To be called after each wait with what became of it: the deadline that has passed, or none. Throws when the wait
  /// was cancelled, or another thread runs the loop now.
  expiry resumed(boost::system::error_code waited);

  time_limits& limits() noexcept { return limits_; }
  const time_limits& limits() const noexcept { return limits_; }

 private:
  void on_deadline() override;
  void arm();

  loop_state& loop_;
  time_limits limits_;
  wait_handle wait_;
  std::optional<clock::time_point> wake_at_;
  expiry expired_ = expiry::none;
  bool woke_ = false;        ///< `wake_at` has come
  bool wait_ended_ = false;  ///< for its sake, and no failure's
};

}  // namespace fanout::http
