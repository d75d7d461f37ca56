#pragma once

#include "process/channel/wire.hpp"

#include <string_view>

namespace fanout::detail {

/// The worker's end of the socket, which this does not close. Throws nothing: when the parent is gone, no other process
/// waits for an error.
///
/// Thread safety: one thread reads, and one thread writes, at a time.
class parent_link {
 public:
  explicit parent_link(int socket) noexcept : socket_(socket) {}
  parent_link(const parent_link&) = delete;
  parent_link& operator=(const parent_link&) = delete;

  int socket() const noexcept { return socket_; }
  /// Reads what there is, without waiting. False when the parent will send no more.
  bool fill(frame_reader& reader);
  /// The same, waiting until there is something.
  bool wait_and_fill(frame_reader& reader);
  void wait_readable();
  void send_all(std::string_view bytes);
  /// Ends all waits, present and later, as if the parent had sent its last byte.
  void stop_reading();

 private:
  bool fill(frame_reader& reader, int flags);

  const int socket_;
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
