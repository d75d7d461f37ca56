#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace fanout::detail {

/// Whole messages over a stream in and a stream out: each after its length, eight bytes, the lowest first. A thread
/// writes, so that `send` does not wait for the other end.
///
/// Thread safety: all members may be called from any thread, but `receive` by one. Destroying it drops what is not yet
/// written.
class message_pipe {
 public:
  /// Makes both non-blocking. Throws `std::system_error`.
  message_pipe(owned_descriptor in, owned_descriptor out);
  message_pipe(const message_pipe&) = delete;
  message_pipe& operator=(const message_pipe&) = delete;
  ~message_pipe();

  void send(std::string message);
  /// Blocks until a message comes; empty once the other end sends no more, or after `stop`. Throws `fanout::error` of
  /// kind `protocol` for a stream that is not made of messages, or that ends within one.
  std::optional<std::string> receive();
  /// Closes the stream out once all is written.
  void end();
  /// Blocks until all is written, or the other end is gone. After `end`.
  void wait_sent();
  /// Ends `receive`, and the writing.
  void stop() noexcept;

 private:
  void write_queued();
  bool write_all(std::string_view bytes);
  bool wait_for(int descriptor, short events);
  bool read_some(char* to, std::size_t most, std::size_t& got);

  const owned_descriptor in_;
  owned_descriptor out_;            ///< the writer's
  const owned_descriptor stopped_;  ///< readable after `stop`
  std::mutex mutex_;                ///< guards what follows
  std::condition_variable changed_;
  std::deque<std::string> queue_;
  bool ending_ = false;
  bool stopping_ = false;
  bool written_ = false;  ///< the writer has ended
  std::thread writer_;    ///< last: it uses all of the above
};

}  // namespace fanout::detail
