#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lane_work.hpp>

#include <optional>
#include <string>

/// \file
/// The lanes of a run: threads, each with its own event loop where tasks are coroutines. Not for users: `run` is built
/// from it.
namespace fanout::detail {

/// Runs `work` on the lanes of `ran`; the calling thread is lane 0, and the call returns when all lanes have ended.
/// For `model::automatic`, adds lanes as the first tasks show what the work is, and says in
/// `choice` what it saw. Returns the shape that ran in the end. Where the tasks can travel and would be better off in
/// worker processes, the lanes end early, leave the rest of the source alone, and `next` is the shape to go on with.
fanout::shape run_lanes(run_control& control, lane_work& work, const fanout::shape& ran, bool coroutine,
                        std::string& choice, std::optional<fanout::shape>* next = nullptr);

}  // namespace fanout::detail
