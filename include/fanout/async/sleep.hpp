#pragma once

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

namespace detail {

/// `duration` after `when`; the end of time where that is later than the clock can say.
std::chrono::steady_clock::time_point later(std::chrono::steady_clock::time_point when,
                                            std::chrono::steady_clock::duration duration);

}  // namespace detail

/// Sleeps for `duration`; not at all, but for a turn of the loop, if it is not positive.
task<void> sleep(std::chrono::steady_clock::duration duration);

task<void> sleep_until(std::chrono::steady_clock::time_point when);

/// Lets everything else that is ready run first. A task that computes for long calls it now and then, so that its loop
/// stays fair to the others.
task<void> yield();

}  // namespace fanout
