#pragma once

#include "process/channel/wire.hpp"

#include <string_view>

namespace fanout::detail {

/// The worker's end of the socket. Throws nothing: when the parent is gone there is nobody to tell.
///
/// Thread safety: one thread reads, and one thread writes, at a time.
class parent_link {
 public:
  /// Reads what there is, without waiting. False when the parent will send no more.
  bool fill(frame_reader& reader);
  /// The same, waiting until there is something.
  bool wait_and_fill(frame_reader& reader);
  void wait_readable();
  void send_all(std::string_view bytes);
  /// Whoever waits, or comes to wait, is told that the parent will send no more.
  void stop_reading();

 private:
  bool fill(frame_reader& reader, int flags);
};

/// Sends a frame of `parts`, each as it is in memory.
template <class... Parts>
void send_frame(parent_link& parent, frame_type type, const Parts&... parts) {
  std::string bytes;
  frame_writer frame(bytes, type);
  (append_raw(bytes, parts), ...);
  frame.close();
  parent.send_all(bytes);
}

}  // namespace fanout::detail
