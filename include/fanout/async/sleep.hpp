#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>

#include <chrono>

/// \file
/// Letting time pass, and others run.
///
///     co_await fanout::sleep(50ms);
///     co_await fanout::yield();
///
/// No thread is blocked. On any executor; cancelling throws `operation_aborted`.
namespace fanout {

/// Sleeps for `duration`; not at all, but for a turn of the loop, if it is not positive. Of one that ends later than
/// the clock can say, for good.
task<void> sleep(any_duration<std::chrono::steady_clock::duration> duration);

task<void> sleep_until(std::chrono::steady_clock::time_point when);

/// The same for a point in time of another unit.
template <class Unit>
task<void> sleep_until(std::chrono::time_point<std::chrono::steady_clock, Unit> when) {
  return sleep_until(detail::saturating_cast(when));
}

/// Lets everything else that is ready run first. A task that computes for long calls it now and then, so that its loop
/// stays fair to the others.
task<void> yield();

}  // namespace fanout
