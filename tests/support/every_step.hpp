#pragma once

#include <fanout/base/task.hpp>

#include "support/counted_heap.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Disturbs a coroutine at every moment there is: before it is first resumed, and after each step of its loop, until it
/// completes undisturbed. A step is one handler run by the loop, so a wake-up that is posted and one that has run are
/// two different moments.
///
///     EXPECT_GE(test::cancel_at_every_step([] {
///       auto limit = std::make_shared<semaphore>(1);
///       test::scenario all;
///       all.before.push_back(hold_for_a_turn(limit));
///       all.subject.emplace(hold_for_a_turn(limit));
///       all.after.push_back(hold_for_a_turn(limit));
///       all.check = [limit](test::ending) { EXPECT_EQ(limit->available(), 1u); };
///       return all;
///     }), 3u);
///
/// The scenario is made afresh for each run. Fails when a run gets stuck, which is what a lost wake-up looks like, when
/// one of the others throws, when the subject throws anything but `operation_aborted`, and when a run leaves memory
/// allocated behind.
namespace fanout::test {

enum class ending {
  completed,  ///< undisturbed, or it did not mind
  cancelled,  ///< it threw `operation_aborted`
  destroyed,  ///< its loop was
};

/// Coroutines on one loop, in the order in which they start. The subject is the one that is cancelled.
struct scenario {
  std::vector<task<void>> before = {};
  std::optional<task<void>> subject = {};
  std::vector<task<void>> after = {};
  std::function<void(ending)> on_end = {};  ///< when the subject has ended; to let the others come to their end
  std::function<void(ending)> check = {};   ///< when all have ended: what must hold
};

namespace every_step {

/// How long a run may take that gets stuck.
inline constexpr std::chrono::seconds patience{5};

class disturbed_run {
 public:
  explicit disturbed_run(scenario& all) : all_(all) {
    for (task<void>& each : all.before) spawn_other(std::move(each));
    asio::co_spawn(*loop_, subject(*this, std::move(*all.subject)), completion{*this});
    for (task<void>& each : all.after) spawn_other(std::move(each));
  }
  disturbed_run(const disturbed_run&) = delete;
  disturbed_run& operator=(const disturbed_run&) = delete;

  /// False: the subject ended before.
  bool run_steps(std::size_t count) {
    for (std::size_t i = 0; i < count && !ending_ && loop_->run_one_for(patience) > 0; ++i) continue;
    return !ending_;
  }
  /// A coroutine that has not started cannot be cancelled under Asio 1.81; this one then cancels itself as it starts,
  /// before the work under test does.
  void cancel() {
    if (started_)
      stop_.emit(asio::cancellation_type::terminal);
    else
      cancel_at_start_ = true;
  }
  void finish() {
    loop_->run_for(patience);
    if (!loop_->stopped()) ADD_FAILURE() << "stuck: somebody waits for ever";
    loop_.reset();
    if (all_.check) all_.check(ending_.value_or(ending::destroyed));
  }
  void destroy() {
    loop_.reset();
    if (all_.check) all_.check(ending_.value_or(ending::destroyed));
  }

 private:
  /// Has the slot itself: through `asio::bind_cancellation_slot` a signal takes a turn of the loop, and comes too late
  /// for a wake-up that is posted already.
  struct completion {
    using cancellation_slot_type = asio::cancellation_slot;
    disturbed_run& run;
    asio::cancellation_slot get_cancellation_slot() const noexcept { return run.stop_.slot(); }
    void operator()(std::exception_ptr failed) const { run.ended(failed); }
  };

  static task<void> subject(disturbed_run& self, task<void> work) {
    self.started_ = true;
    if (self.cancel_at_start_) self.stop_.emit(asio::cancellation_type::terminal);
    std::exception_ptr failed;
    try {
      co_await std::move(work);
    } catch (...) {
      failed = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);  // the end of a spawned coroutine awaits, too
    if (failed) std::rethrow_exception(failed);
  }

  void spawn_other(task<void> other) {
    asio::co_spawn(*loop_, std::move(other),
                   [](std::exception_ptr failed) { EXPECT_NO_THROW(if (failed) std::rethrow_exception(failed)); });
  }

  void ended(std::exception_ptr failed) {
    ending_ = ending::completed;
    try {
      if (failed) std::rethrow_exception(failed);
    } catch (const boost::system::system_error& thrown) {
      ending_ = ending::cancelled;
      EXPECT_EQ(thrown.code(), asio::error::operation_aborted);
    } catch (const std::exception& thrown) {
      ADD_FAILURE() << "the subject threw: " << thrown.what();
    }
    if (all_.on_end) all_.on_end(*ending_);
  }

  scenario& all_;
  asio::cancellation_signal stop_;
  std::optional<asio::io_context> loop_{std::in_place};
  bool started_ = false;
  bool cancel_at_start_ = false;
  std::optional<ending> ending_;
};

/// False when the subject had ended before that step.
template <class Make, class Disturb>
bool disturb_after(std::size_t step, Make& make, Disturb& disturb) {
  scenario all = make();
  disturbed_run run(all);
  const bool under_way = run.run_steps(step);
  if (under_way)
    disturb(run);
  else
    run.finish();
  return under_way;
}

/// Each step is taken twice: what is allocated once and kept, for the exceptions of a thread or by the standard
/// library, is there before the second.
template <class Make, class Disturb>
std::size_t disturb_at_every_step(Make make, Disturb disturb) {
  for (std::size_t step = 0;; ++step) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, "disturbed after step " + std::to_string(step));
    disturb_after(step, make, disturb);
    const auto before = live_allocations();
    const bool under_way = disturb_after(step, make, disturb);
    EXPECT_EQ(live_allocations(), before) << "memory was leaked";
    if (!under_way || testing::Test::HasFailure()) return step;
  }
}

}  // namespace every_step

/// Cancels the subject at every step; returns at how many.
template <class Make>
std::size_t cancel_at_every_step(Make make) {
  return every_step::disturb_at_every_step(std::move(make), [](every_step::disturbed_run& run) {
    run.cancel();
    run.finish();
  });
}

/// Destroys the loop, and all coroutines with it, at every step; returns at how many.
template <class Make>
std::size_t destroy_at_every_step(Make make) {
  return every_step::disturb_at_every_step(std::move(make), [](every_step::disturbed_run& run) { run.destroy(); });
}

}  // namespace fanout::test
