#pragma once

#include <fanout/process/detail/registry.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {

/// A remote function that a worker knows, with its context. It is made when it is first called, in mid-task, so
/// that a context that cannot be read fails its own tasks and no others. Where it asks for that, each lane has one.
///
/// Thread safety: all members may be called from any lane.
class served_function {
 public:
  /// For lanes 0 to `lanes` - 1.
  served_function(std::string_view name, std::string_view context, std::uint32_t lanes = 1)
      : name_(name), context_(context), of_lane_(lanes) {}

  /// Throws `std::logic_error` for a name this program does not know, and what reading the context throws.
  const remote_entry& entry();
  remote_instance& instance(std::uint32_t lane);

  /// Makes one call on the calling thread; a coroutine runs on a loop of this thread alone.
  void call(std::uint32_t lane, std::string_view argument, std::string& result);

 private:
  const std::string name_;
  const std::string context_;
  std::mutex mutex_;  ///< guards the making
  std::vector<std::unique_ptr<remote_instance>> made_;
  std::vector<std::atomic<remote_instance*>> of_lane_;  ///< null until its lane asks for it
};

}  // namespace fanout::detail
