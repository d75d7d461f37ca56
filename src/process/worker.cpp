#include "process/worker.hpp"

#include <fanout/core/control.hpp>
#include <fanout/core/lanes.hpp>
#include <fanout/core/pipeline.hpp>
#include <fanout/core/usage.hpp>

#include "process/progress_page.hpp"
#include "process/served_function.hpp"
#include "process/wire.hpp"

#include <boost/asio/this_coro.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

namespace fanout::detail {
namespace {

using clock = std::chrono::steady_clock;

std::int64_t to_ns(clock::time_point time) {
  return time.time_since_epoch().count();
}

/// The worker's end of the socket. Throws nothing: when the parent is gone there is nobody to tell.
class parent_link {
 public:
  /// Reads what there is, without waiting. False when the parent will send no more.
  bool fill(frame_reader& reader) {
    constexpr std::size_t chunk = 256 * 1024;
    for (;;) {
      const auto got = recv(worker_socket, reader.prepare(chunk), chunk, MSG_DONTWAIT);
      if (got > 0) {
        reader.added(static_cast<std::size_t>(got));
        return true;
      }
      if (got < 0 && errno == EINTR) continue;
      return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
  }

  void wait_readable() {
    pollfd waited{worker_socket, POLLIN, 0};
    poll(&waited, 1, -1);
  }

  void send_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = send(worker_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return;  // the parent is gone, and this process is about to be
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
};

/// The run inside a worker: the inner shape's lanes take tasks from the socket and put results into it.
class worker_run final : public lane_work {
 public:
  worker_run(parent_link& parent, const setup_frame& setup, frame_reader& reader)
      : parent_(parent),
        setup_(setup),
        page_(progress_page::open(worker_page, setup.threads)),
        reader_(reader),
        options_(make_options(setup)),
        control_(options_) {}

  void run() {
    std::string choice;
    run_lanes(control_, *this, options_.shape, setup_.loops != 0, choice);
    flusher_.reset();
    flush();
    control_.rethrow_broken();
  }

  pull_status run_one(std::uint32_t lane, cpu_stopwatch& cpu) override {
    assignment taken;
    if (const auto status = pull(taken); status != pull_status::item) return status;
    auto& state = page_.lane(lane);
    const auto started = clock::now();
    // Relaxed, then release: the parent reads the time only of a task it sees under way.
    state.started_ns.store(to_ns(started), std::memory_order_relaxed);
    state.task.store(taken.ordinal + 1, std::memory_order_release);
    cpu.start(started);
    std::string value;
    std::optional<failure> failed;
    try {
      taken.function->call(taken.argument, value);
    } catch (...) {
      failed = current_failure();
    }
    const auto finished = clock::now();
    state.task.store(0, std::memory_order_release);
    report_result(taken.ordinal, lane, started, finished, cpu.stop(started, finished), value, failed);
    return pull_status::item;
  }

  task<void> run_slot(slot& place) override {
    for (;;) {
      if (place.cancelled()) {
        co_await asio::this_coro::reset_cancellation_state();
        place.forget_cancellation();
      }
      assignment taken;
      const auto status = pull(taken);
      if (status == pull_status::end) break;
      if (status == pull_status::not_ready) {
        task<void> wait = wait_for_source(place);
        co_await std::move(wait);
        continue;
      }
      slot_took_item(place);
      const auto started = clock::now();
      place.begin_task(started, taken.limit);
      std::string value;
      std::optional<failure> failed;
      try {
        task<void> work = taken.function->instance().call_async(taken.argument, value);
        co_await std::move(work);
      } catch (...) {
        failed = current_failure();
      }
      place.end_task();
      if (failed && place.cancelled())
        failed = control_.classify_stopped(*std::move(failed), place.timed_out(), taken.limit);
      report_result(taken.ordinal, place.lane_number(), started, clock::now(), std::chrono::nanoseconds(-1), value,
                    failed);
    }
  }

  int source_handle() override { return worker_socket; }

 private:
  struct assignment {
    std::uint64_t ordinal = 0;
    std::string argument;
    served_function* function = nullptr;
    std::chrono::nanoseconds limit{0};
  };

  static options make_options(const setup_frame& setup) {
    options how{grid(1, setup.threads, setup.in_flight)};
    how.on_error = on_error::collect;
    return how;
  }

  pull_status pull(assignment& taken) {
    const std::lock_guard lock(source_mutex_);
    if (queue_.empty() && more_) read_tasks();
    if (queue_.empty()) {
      flush();  // whoever waits for these results must not wait for the next task as well
      if (!more_) {
        control_.exhaust();
        return pull_status::end;
      }
      control_.begin_wait();
      return pull_status::not_ready;
    }
    taken = std::move(queue_.front());
    queue_.pop_front();
    page_.count_started();
    if (!queue_.empty()) control_.wake_waiting();
    return pull_status::item;
  }

  void read_tasks() {
    more_ = parent_.fill(reader_);
    while (const auto frame = reader_.next()) {
      switch (frame->type) {
        case frame_type::tasks:
          queue_tasks(frame->payload);
          break;
        case frame_type::function:
          learn(frame->payload);
          break;
        case frame_type::forget:
          forget(frame->payload);
          break;
        default:
          throw error(failure_kind::protocol, "the parent sent a frame that is not a parent's");
      }
    }
  }

  void queue_tasks(std::string_view payload) {
    const auto of_all = take_raw<tasks_frame>(payload);
    const auto known = of_all ? functions_.find(of_all->function) : functions_.end();
    if (known == functions_.end()) throw error(failure_kind::protocol, "the parent sent tasks of no function");
    while (!payload.empty()) {
      const auto header = take_raw<task_header>(payload);
      const auto argument = header ? take_bytes(payload, header->bytes) : std::nullopt;
      if (!argument) throw error(failure_kind::protocol, "the parent sent a task that ends too soon");
      queue_.push_back(
          {header->ordinal, std::string(*argument), &known->second, std::chrono::nanoseconds(of_all->limit_ns)});
    }
  }

  void learn(std::string_view payload) {
    const auto told = take_raw<function_frame>(payload);
    const auto name = told ? take_bytes(payload, told->name_bytes) : std::nullopt;
    if (!name) throw error(failure_kind::protocol, "the parent told of a function in too few bytes");
    const auto [place, added] = functions_.try_emplace(told->number, *name, payload);
    if (!added) throw error(failure_kind::protocol, "the parent told of a function twice");
    if (told->vital) place->second.instance();
  }

  void forget(std::string_view payload) {
    const auto told = take_raw<forget_frame>(payload);
    if (!told || functions_.erase(told->number) == 0)
      throw error(failure_kind::protocol, "the parent took back a function it had not told of");
  }

  void report_result(std::uint64_t ordinal, std::uint32_t lane, clock::time_point started, clock::time_point finished,
                     std::chrono::nanoseconds cpu, std::string& value, std::optional<failure>& failed) {
    if (value.size() > max_value_bytes && !failed) failed = too_large_to_travel();
    if (failed) {
      value.clear();
      encode_failure(*failed, value);
    }
    const std::lock_guard lock(sink_mutex_);
    const bool first = !frame_;
    if (first) frame_.emplace(results_, frame_type::results);
    append_raw(results_, result_header{.ordinal = ordinal,
                                       .bytes = value.size(),
                                       .started_ns = to_ns(started),
                                       .finished_ns = to_ns(finished),
                                       .cpu_ns = cpu.count(),
                                       .lane = setup_.first_lane + lane,
                                       .ok = failed ? 0U : 1U});
    results_ += value;
    // A task of some length is worth a system call; tiny ones share it.
    if (results_.size() >= flush_bytes || finished - flushed_ >= flush_interval)
      flush_locked(finished);
    else if (first)
      flush_soon();
  }

  /// Results are waiting, and the next task may turn out a long one: a thread sees to it that they go. It is started
  /// the first time it is needed, so that a worker whose tasks are long has no thread besides its lanes.
  void flush_soon() {
    if (flusher_)
      results_waiting_.notify_one();
    else
      flusher_.emplace([this](const std::stop_token& stop) { flush_regularly(stop); });
  }

  void flush_regularly(const std::stop_token& stop) {
    std::unique_lock lock(sink_mutex_);
    while (results_waiting_.wait(lock, stop, [this] { return frame_.has_value(); })) {
      lock.unlock();
      std::this_thread::sleep_for(flush_interval);
      lock.lock();
      const auto now = clock::now();
      if (now - flushed_ >= flush_interval) flush_locked(now);
    }
  }

  void flush() {
    const std::lock_guard lock(sink_mutex_);
    flush_locked(clock::now());
  }

  void flush_locked(clock::time_point now) {
    flushed_ = now;
    if (!frame_) return;
    frame_->close();
    frame_.reset();
    parent_.send_all(results_);
    results_.clear();
  }

  static constexpr std::size_t flush_bytes = 64 * 1024;
  static constexpr std::chrono::milliseconds flush_interval{1};

  parent_link& parent_;
  setup_frame setup_;
  progress_page page_;
  frame_reader& reader_;
  options options_;
  run_control control_;

  std::mutex source_mutex_;                             ///< guards reader_, functions_, queue_ and more_
  std::map<std::uint32_t, served_function> functions_;  ///< stable addresses; tasks of one that is forgotten have ended
  std::deque<assignment> queue_;
  bool more_ = true;       ///< the parent may send more
  std::mutex sink_mutex_;  ///< guards results_ and the sending side of the socket
  std::string results_;
  std::optional<frame_writer> frame_;
  clock::time_point flushed_ = clock::now();
  std::condition_variable_any results_waiting_;
  std::optional<std::jthread> flusher_;  ///< last: it uses all of the above
};

template <class... Parts>
void send_frame(parent_link& parent, frame_type type, const Parts&... parts) {
  std::string bytes;
  frame_writer frame(bytes, type);
  (append_raw(bytes, parts), ...);
  frame.close();
  parent.send_all(bytes);
}

void refuse(parent_link& parent, std::string_view why) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::refusal);
  bytes += why;
  frame.close();
  parent.send_all(bytes);
}

void serve(parent_link& parent) {
  send_frame(parent, frame_type::hello, hello_frame{});
  frame_reader reader;
  std::optional<frame_reader::frame> first;
  while (!(first = reader.next())) {
    parent.wait_readable();
    if (!parent.fill(reader)) return;  // the run ended before it needed this worker
  }
  auto payload = first->payload;
  const auto setup = take_raw<setup_frame>(payload);
  if (first->type != frame_type::setup || !setup) throw error(failure_kind::protocol, "the parent sent no set-up");
  worker_run run(parent, *setup, reader);
  run.run();
  send_frame(parent, frame_type::bye, bye_frame{peak_rss_bytes()});
}

/// Ctrl-C reaches the whole process group; the parent decides what it means. It was blocked so far (spawn_worker).
void ignore_interrupts() {
  signal(SIGINT, SIG_IGN);
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
}

}  // namespace

int run_worker(int parent_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent_pid) return 1;  // it died before the line above could take effect
  ignore_interrupts();
  fcntl(worker_socket, F_SETFD, FD_CLOEXEC);
  fcntl(worker_page, F_SETFD, FD_CLOEXEC);
  parent_link parent;
  try {
    serve(parent);
    return 0;
  } catch (const std::exception& why) {
    refuse(parent, why.what());
    return 1;
  }
}

}  // namespace fanout::detail
