#pragma once

#include <fanout/async/debug_report.hpp>

#include <vector>

/// \file
/// What asyncio's debug mode tells, for the children of `gather`, `task_group`, `timeout` and their like.
///
///     FANOUT_DEBUG=1 ./program                           # reports go to standard error
///
///     fanout::set_debug({.enabled = true, .on_report = [](const fanout::debug_report& each) { log(each.text()); }});
///     log(fanout::to_string(fanout::dump_tasks()));      // who is alive, and what each waits for
///
/// A task is watched if debugging was on when it was spawned. Off, it costs a load and a branch for each child.
///
/// Thread safety: all of it may be called from any thread.
namespace fanout {

/// Replaces what the environment said: with FANOUT_DEBUG set, and not 0, debugging is on from the start of the program.
/// After it returns, `on_report` of the options before is not called for `stalling` any more; not from within it.
void set_debug(debug_options options);

/// The live tasks that are watched, parents before their children.
std::vector<task_state> dump_tasks();

}  // namespace fanout
