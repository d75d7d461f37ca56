#pragma once

#include <fanout/process/detail/registry.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace fanout::detail {

/// A remote function that a worker was told of, with its context. It is made when it is first called, in mid-task, so
/// that a context that cannot be read fails its own tasks and no others.
///
/// Thread safety: all members may be called from any lane.
class served_function {
 public:
  served_function(std::string_view name, std::string_view context) : name_(name), context_(context) {}

  /// Throws `std::logic_error` for a name this program does not know, and what reading the context throws.
  const remote_entry& entry();
  remote_instance& instance();

  /// Makes one call on the calling thread; a coroutine runs on a loop of this thread alone.
  void call(std::string_view argument, std::string& result);

 private:
  const std::string name_;
  const std::string context_;
  std::mutex mutex_;  ///< guards the making
  std::unique_ptr<remote_instance> owned_;
  std::atomic<remote_instance*> made_{nullptr};
};

}  // namespace fanout::detail
