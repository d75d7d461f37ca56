#pragma once

/// \file
/// Which threads run an event loop of fanout's. Not for users.
namespace fanout::detail {

/// Says for its lifetime that this thread runs an event loop. They nest.
class running_loop {
 public:
  running_loop() noexcept { ++depth; }
  running_loop(const running_loop&) = delete;
  running_loop& operator=(const running_loop&) = delete;
  ~running_loop() { --depth; }

  static bool on_this_thread() noexcept { return depth > 0; }

 private:
  static thread_local int depth;
};

}  // namespace fanout::detail
