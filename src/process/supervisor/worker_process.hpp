#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_channel.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/supervisor/worker_output.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fanout::detail {

/// Tasks on their way through the workers, whole, so that they can be handed to another.
struct task_bundle {
  std::uint64_t first_index = 0;  ///< in the job; the others follow
  task_terms terms;
  encoded_values inputs;
  std::uint32_t deaths = 0;  ///< workers that died at it; then it is a single one, which gets a worker to itself

  std::uint32_t count() const noexcept { return inputs.count(); }
  /// Those from position `from` up to before `to`.
  task_bundle part(std::uint32_t from, std::uint32_t to) const {
    return {first_index + from, terms, inputs.slice(from, to), deaths};
  }
};

/// Tasks handed to a worker together.
class handed_batch {
 public:
  handed_batch(std::uint64_t first_ordinal, task_bundle&& tasks)
      : first_ordinal_(first_ordinal), tasks_(std::move(tasks)), unfinished_(tasks_.count()) {}

  std::uint64_t first_ordinal() const noexcept { return first_ordinal_; }
  std::uint64_t end_ordinal() const noexcept { return first_ordinal_ + tasks_.count(); }
  std::uint64_t index_of(std::uint64_t ordinal) const noexcept {
    return tasks_.first_index + (ordinal - first_ordinal_);
  }
  const task_bundle& tasks() const noexcept { return tasks_; }
  std::uint32_t unfinished() const noexcept { return unfinished_; }

  bool finished(std::uint64_t ordinal) const noexcept {
    const auto place = static_cast<std::uint32_t>(ordinal - first_ordinal_);
    return place < front_ || (place < out_of_order_.size() && out_of_order_[place]);
  }
  /// Books those up to before `end` as finished. False when one of them is already.
  bool finish(std::uint64_t first, std::uint64_t end);
  /// The first that is not finished; `end_ordinal()` when all are.
  std::uint64_t front_ordinal() const noexcept { return first_ordinal_ + front_; }
  /// From here on none is finished.
  std::uint64_t untouched_ordinal() const noexcept {
    return first_ordinal_ + std::max<std::size_t>(front_, out_of_order_.size());
  }
  /// Takes those from `ordinal` on, none of which is finished, out of it.
  task_bundle cut(std::uint64_t ordinal);

 private:
  std::uint64_t first_ordinal_;
  task_bundle tasks_;
  std::uint32_t unfinished_;
  std::uint32_t front_ = 0;         ///< all before are finished
  std::vector<bool> out_of_order_;  ///< those beyond that are; as long as need be
};

/// How a worker process ended.
struct worker_end {
  int status = 0;  ///< as wait4(2) gives it
  rusage used{};
  bool known = true;  ///< false where something else in this program reaped it: SIGCHLD ignored, wait(2) for any child
  bool by_signal() const noexcept;
  int signal() const noexcept;  ///< 0 if it exited
  std::string text() const;     ///< "was killed by SIGKILL (9)", "exited with status 3"
};

/// The wait of a loop for a socket that is somebody else's, who has to outlive it.
class watched_socket {
 public:
  explicit watched_socket(asio::io_context& loop) : socket_(loop) {}
  watched_socket(const watched_socket&) = delete;
  watched_socket& operator=(const watched_socket&) = delete;
  ~watched_socket() { end(); }

  void begin(int socket, boost::system::error_code& failed) {
    socket_.assign(asio::local::stream_protocol(), socket, failed);
  }
  /// Whoever waits is told so.
  void end() noexcept {
    if (socket_.is_open()) socket_.release();
  }
  asio::local::stream_protocol::socket& operator*() noexcept { return socket_; }
  asio::local::stream_protocol::socket* operator->() noexcept { return &socket_; }

 private:
  asio::local::stream_protocol::socket socket_;
};

/// One worker process seen from its parent: the socket to it, what was handed to it, and its end.
///
/// Thread safety: none; it belongs to the loop it was made for. Destroying it kills and reaps a child that still runs.
class worker_process {
 public:
  worker_process(asio::io_context& loop, std::uint32_t number, std::uint32_t lanes, const worker_options& how);
  worker_process(const worker_process&) = delete;
  worker_process& operator=(const worker_process&) = delete;
  ~worker_process();

  std::uint32_t number() const noexcept { return number_; }
  pid_t pid() const noexcept { return pid_; }
  const progress_page& page() const noexcept { return page_; }

  /// Queues frames and writes as much as the socket takes; the rest follows as it takes more.
  void send(std::string_view frames);
  /// The same for the inputs of the last batch, the end of a frame, which are written from where they are.
  void send_inputs_of_last();
  /// The first task whose inputs are not wholly sent.
  std::uint64_t unsent_ordinal() const { return channel_.first_borrowed().value_or(end_ordinal); }
  /// No more will be sent; the worker ends after the tasks it has.
  void finish_sending();
  void kill();
  /// Whether it has ended, has closed its connection, or was killed: nothing may be handed to it any more, and it
  /// is not checked out.
  bool doomed() const noexcept { return exited_ || hung_up_ || killed_; }
  /// Whether it closed its connection and went on, so that it had to be killed.
  bool closed_its_connection() const noexcept { return closed_its_connection_; }
  bool killed() const noexcept { return killed_; }

  /// Takes the socket out of the loop, and makes a channel for `direct` calls of it. Not while a frame of this worker
  /// is being read, and only when all was sent. `when_gone` is called when the process ends while it is checked out.
  void check_out(std::set<std::uint32_t> told, std::function<void(worker_process&)> when_gone);
  /// The opposite; frames that came meanwhile are read now. Throws nothing: what fails ends the worker.
  void check_in();
  bool sent_all() const noexcept { return channel_.all_sent() && !writing_; }

  /// Runs until the process has ended and been reaped, and nothing of this object waits on the loop any more. It may
  /// end before its first wait: a worker can be dead when it is first looked at. So it is started by a post of its own,
  /// where nothing is half done. Calls `on_frame` for each frame it sent. A worker that sends what is no frame is
  /// killed; `corrupt()` then tells.
  task<worker_end> watch(std::function<void(const frame_reader::frame&)> on_frame);
  bool corrupt() const noexcept { return !protocol_error_.empty(); }
  const std::string& protocol_error() const noexcept { return protocol_error_; }

  std::uint64_t bytes_sent() const noexcept { return channel_.bytes_sent(); }
  std::uint64_t bytes_received() const noexcept { return channel_.bytes_received(); }
  /// In system calls that write and read, while it was not checked out.
  std::chrono::nanoseconds time_moving() const noexcept { return moving_; }

  // Booked by the run: what was handed over, in that order, without what is finished at the front. A task's ordinal is
  // its place in that order.
  std::deque<handed_batch> batches;
  std::uint64_t end_ordinal = 0;  ///< of the next task
  /// The oldest task that is not finished; `end_ordinal` when all are.
  std::uint64_t front_ordinal() const noexcept {
    return batches.empty() ? end_ordinal : batches.front().front_ordinal();
  }
  /// The batch the task is in; null when it has none such.
  handed_batch* batch_of(std::uint64_t ordinal);
  bool finished_any_from(std::uint64_t ordinal) const;
  /// How many it has started; exact once it has ended. All that were handed over, where it wrote there what cannot be:
  /// so none of them is started again.
  std::uint64_t started() const noexcept {
    const std::uint64_t front = front_ordinal();
    const std::uint64_t told = page_.started(front);
    return told < front || told > end_ordinal ? end_ordinal : told;
  }
  /// A time on the steady clock that it told of, which is within its life: one that went wrong may have told anything.
  std::chrono::steady_clock::time_point time_of(std::int64_t ns) const noexcept;
  std::uint32_t unfinished = 0;
  std::size_t unfinished_bytes = 0;
  bool listens = false;                       ///< reads what is sent to it while it is at tasks: the last ones said so
  bool recalled = false;                      ///< it was asked to give tasks back, and has not answered
  bool alone = false;                         ///< its task may have killed another worker
  std::optional<direct_call_channel> direct;  ///< while it is checked out
  bool reserved = false;                      ///< it gets nothing more, and such a task when it is done
  bool ready = false;                         ///< said hello
  bool said_bye = false;
  bool finishing = false;                 ///< its sending side is closed
  bool killed_for_time = false;           ///< some of its tasks are over their limit
  std::uint64_t overdue_from = 0;         ///< those are the unfinished ones of these ordinals …
  std::uint64_t overdue_to = 0;           ///< … up to before this one
  std::uint64_t seen_front = 0;           ///< front_ordinal() when deadlines were last checked
  std::uint64_t seen_started = 0;         ///< tasks it had started then, or longer ago than their limit by now
  std::chrono::nanoseconds front_age{0};  ///< for how long the front has been that task

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
  bool has_ended() const;
  task<void> wait_for_exit();
  task<void> watch_exit();
  void exited();
  task<void> wait_for_end(asio::steady_timer::time_point until);

  asio::io_context& loop_;
  std::uint32_t number_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  progress_page page_;
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
  bool hung_up_ = false;        ///< its end of the connection is closed
  bool killed_ = false;
  bool closed_its_connection_ = false;
  std::string protocol_error_;  ///< about what the worker sent
  bool exited_ = false;
  bool reaped_ = false;
  std::chrono::nanoseconds moving_{0};
};

}  // namespace fanout::detail
