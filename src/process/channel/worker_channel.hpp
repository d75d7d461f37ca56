#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include "process/channel/outgoing.hpp"
#include "process/channel/wire.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace fanout::detail {

/// The parent's end of the connection to a worker: bytes of frames out, frames in, and the end of the peer. One class
/// for all who talk to a worker: the supervisor's loop, a caller who has checked the worker out, and a call that has a
/// worker of its own. A loop or epoll waits for its `handle`.
///
///     channel.add(frames);
///     if (channel.flush() == worker_channel::sending::blocked) …          // wait until it is writable, flush again
///     while (channel.receive() != worker_channel::input::ended)           // wait until it is readable
///       while (const auto frame = channel.frames().next()) …
///
/// Thread safety: one thread at a time; the counters may be read by any thread. Destroying it closes the connection.
class worker_channel {
 public:
  /// A connected stream socket, which may be blocking or not; or none yet.
  explicit worker_channel(owned_descriptor socket) noexcept : socket_(std::move(socket)) {}

  int handle() const noexcept { return socket_.value(); }
  bool is_open() const noexcept { return static_cast<bool>(socket_); }
  void open(owned_descriptor socket) noexcept { socket_ = std::move(socket); }
  void close() noexcept { socket_.reset(); }
  /// Shuts both directions down: the worker reads the end, and so does this side.
  void hang_up() noexcept;

  /// \name Sending
  /// None of these waits.
  /// @{
  /// Queues bytes of frames. When they throw `std::bad_alloc`, nothing of them is queued.
  void add(std::string_view frames) { out_.add(frames); }
  void add_owned(std::string frames) { out_.add_owned(std::move(frames)); }
  /// `bytes` are sent from where they are, and must stay until then. `mark` identifies them.
  void add_borrowed(std::string_view bytes, std::uint64_t mark) { out_.add_borrowed(bytes, mark); }
  using sending = outgoing::status;
  /// Writes what the socket takes. `broken` when the peer is gone: then what was queued is dropped.
  sending flush() noexcept;
  bool all_sent() const noexcept { return out_.empty(); }
  /// The mark of the first borrowed bytes that are not wholly sent.
  std::optional<std::uint64_t> first_borrowed() const { return out_.first_borrowed(); }
  /// Nothing more will be added: the flush that sends the last of it closes the sending side.
  void finish_sending() noexcept { finishing_ = true; }
  /// @}

  /// \name Receiving
  /// @{
  /// `more`: as much as there was room for; `all`: what there was; `none`: there was nothing; `ended`: there will be
  /// nothing any more.
  enum class input { more, all, none, ended };
  /// One read of what is there. Throws `std::bad_alloc`, and has read nothing then.
  input receive();
  /// The same, waiting for it, on a socket that `set_blocking` was called for. `none` when the time is over, or a
  /// signal came.
  input wait_and_receive();
  /// What was received and not taken.
  frame_reader& frames() noexcept { return reader_; }
  /// @}

  /// From now on `wait_and_receive` waits, for at most so long.
  void set_blocking(std::chrono::microseconds patience) noexcept;
  void set_nonblocking() noexcept;

  // Relaxed: they are numbers for a report.
  std::uint64_t bytes_sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
  std::uint64_t bytes_received() const noexcept { return received_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t chunk = 256 * 1024;
  static constexpr std::size_t small_chunk = 64 * 1024;  ///< of one answer

  static void count(std::atomic<std::uint64_t>& total, std::uint64_t more) noexcept {
    total.store(total.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);  // one thread writes
  }

  owned_descriptor socket_;
  outgoing out_;
  frame_reader reader_;
  bool finishing_ = false;
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> received_{0};
};

}  // namespace fanout::detail
