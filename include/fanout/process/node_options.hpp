#pragma once

#include <fanout/base/saturated_time.hpp>
#include <fanout/core/shape.hpp>

#include <chrono>
#include <cstdint>

/// \file
/// How runs use nodes (process/nodes.hpp).
namespace fanout {

/// How runs use nodes.
struct node_options {
  /// Runs under each node; any but `automatic`. It is sent as text, so `hybrid` has as many loops as the node has
  /// cores.
  fanout::shape shape = threads(1);
  /// How often a task is tried again on another node when its own was lost. Nobody can know of a task that was sent
  /// whether it was begun, so with 0 each task of a lost node that has no outcome is `worker_died`, and no task is
  /// started twice. Tasks that were not sent yet go to other nodes in any case.
  std::uint32_t retries = 0;
  /// Work that is sent to a node beyond what it can have under way, for each of its places, so that it need not wait
  /// for a message. More where messages take longer; the last tasks of a run are dealt out in small batches all the
  /// same.
  any_duration<std::chrono::nanoseconds> ahead{std::chrono::milliseconds(20)};
  /// For a node to end its part of a run that was cancelled, or whose outcomes have all come; then it is given up. Zero
  /// or less for any time.
  any_duration<std::chrono::nanoseconds> end_timeout{std::chrono::seconds(30)};
  /// A node that takes part in a run and sends nothing for so long is given up: its machine stands still, or was cut
  /// off without an end of the link. A node sends a message four times as often, however long its tasks take, so this
  /// needs to be longer than the largest message takes on its way. Zero or less for any time; then only the link says
  /// that a node is lost.
  any_duration<std::chrono::nanoseconds> silence_timeout{std::chrono::minutes(5)};
};

}  // namespace fanout
