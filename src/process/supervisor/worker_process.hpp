#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/worker_options.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_channel.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/supervisor/worker_outbox.hpp"
#include "process/supervisor/worker_output.hpp"
#include "process/supervisor/worker_record.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/types.h>

#include <cassert>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

namespace fanout::detail {

/// What a process has used so far.
struct process_usage {
  std::chrono::nanoseconds cpu{0};
  std::uint64_t peak_rss_bytes = 0;
};

/// The wait of a loop for a socket that another object owns, which must outlive this one.
class watched_socket {
 public:
  explicit watched_socket(asio::io_context& loop) : socket_(loop) {}
  watched_socket(const watched_socket&) = delete;
  watched_socket& operator=(const watched_socket&) = delete;
  ~watched_socket() { end(); }

  void begin(int socket, boost::system::error_code& failed) {
    socket_.assign(asio::local::stream_protocol(), socket, failed);
  }
  /// Ends the waits.
  void end() noexcept {
    if (socket_.is_open()) socket_.release();
  }
  asio::local::stream_protocol::socket* operator->() noexcept { return &socket_; }

 private:
  asio::local::stream_protocol::socket socket_;
};

/// One worker process seen from its parent: what is known of it, the channel to it, and its end.
///
/// Thread safety: none; it belongs to the loop it was made for. Destroying it kills and reaps a child that still runs.
class worker_process : public worker_record {
 public:
  worker_process(asio::io_context& loop, std::uint32_t number, std::uint32_t lanes, const worker_options& how);
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;
  ~worker_process();

  pid_t pid() const noexcept { return pid_; }
  /// What it has used so far, from /proc, while it has not been reaped; zeros where that is not to be had.
  process_usage usage() const;

  /// Frames for it that are yet to be sent.
  worker_outbox outbox;
  /// Queues these, and writes as much as the socket takes; the rest follows as it takes more.
  void send_outbox();
  /// The same for the inputs of the last batch, the end of a frame, which are written from where they are.
  void send_inputs_of_last();
  /// The first task whose inputs are not wholly sent.
  std::uint64_t unsent_ordinal() const { return channel().first_borrowed().value_or(tasks.end_ordinal()); }
  /// Not while it is checked out.
  bool sent_all() const noexcept { return outbox.empty() && channel().all_sent() && !writing_; }
  /// No more will be sent; the worker ends after the tasks it has.
  void finish_sending();
  void kill();

  /// Takes the socket out of the loop, and makes a channel for direct calls of it. Not while a frame of this worker is
  /// being read, and only when all was sent. `when_gone` is called when the process ends while it is checked out.
  void check_out(std::function<void(worker_process&)> when_gone);
  std::optional<direct_call_channel> direct;  ///< while it is checked out
  /// The opposite; frames that came meanwhile are read now. Throws nothing: what fails ends the worker.
  void check_in();

  /// Runs until the process has ended and been reaped, and nothing of this object waits on the loop any more. It may
  /// end before its first wait: a worker can be dead when it is first looked at. So it is started by a post of its own,
  /// where nothing is half done. Calls `on_frame` for each frame it sent. A worker that sends what is no frame is
  /// killed, and `corrupt` is true then.
  task<worker_end> watch(std::function<void(const frame_reader::frame&)> on_frame);

  std::uint64_t bytes_sent() const noexcept { return channel_.bytes_sent(); }
  std::uint64_t bytes_received() const noexcept { return channel_.bytes_received(); }
  /// In system calls that write and read, while it was not checked out.
  std::chrono::nanoseconds time_moving() const noexcept { return moving_; }

  asio::steady_timer patience;  ///< of its supervisor: until it is ready, and when it is to leave

 private:
  static constexpr std::chrono::seconds exit_grace{5};
  /// A process that is being ended closes its socket first, and is gone a moment later.
  static constexpr std::chrono::milliseconds hang_up_grace{500};
  /// How often to look for its end where the system has no descriptor for that.
  static constexpr std::chrono::milliseconds exit_poll{5};
  using frame_handler = std::function<void(const frame_reader::frame&)>;
  enum class input { waiting, closed };
  input read_frames(const frame_handler& on_frame);
  bool hand_frames(const frame_handler& on_frame);
  bool no_memory_for_it();
  void start_writing();
  task<void> write_rest();
  task<void> wait_while_checked_out();
  bool has_exited() const noexcept { return process() >= process_state::exited; }
  bool can_be_reaped() const;
  task<void> wait_for_exit();
  task<void> watch_exit();
  void exited();
  task<void> wait_for_end(asio::steady_timer::time_point until);

  /// While the worker is checked out, the channel is a caller's, on a thread of its own.
  const worker_channel& channel() const noexcept {
    assert(!direct);
    return channel_;
  }
  worker_channel& channel() noexcept {
    assert(!direct);
    return channel_;
  }

  asio::io_context& loop_;
  worker_output_reader output_;
  pid_t pid_ = -1;
  owned_descriptor lifeline_;
  worker_channel channel_;
  watched_socket watched_;
  asio::posix::stream_descriptor exit_;
  asio::steady_timer grace_;      ///< what watch() waits for once nothing more is read
  asio::steady_timer exit_poll_;  ///< used where there is no pidfd
  std::function<void(worker_process&)> when_gone_;
  bool received_more_ = false;  ///< by the last read_frames()
  bool writing_ = false;        ///< write_rest() runs
  std::chrono::nanoseconds moving_{0};
  std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);  ///< for coroutines that outlive this
};

}  // namespace fanout::detail
