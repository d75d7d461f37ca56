#include <fanout/async/detail/child_process.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/to_process.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_channel.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/supervisor/worker_process.hpp"
#include "process/worker/worker_settings.hpp"

#include <fmt/format.h>

#include <sys/epoll.h>

#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace fanout {
namespace detail {
namespace {

using clock = std::chrono::steady_clock;

/// A worker that makes one call. The parent sends all frames at once and closes its sending side, so the worker
/// answers, says goodbye and ends by itself.
class calling_worker final : public child_process {
 public:
  explicit calling_worker(const process_call& call) : limit_(call.how.timeout), page_(progress_page::create(1)) {
    encode(call);
    spawned_worker child = spawn_worker(page_.descriptor(), {});
    page_.close_descriptor();
    const pid_t pid = std::exchange(child.pid, -1);
    channel_.open(owned_descriptor(std::exchange(child.socket, -1)));
    lifeline_ = std::move(child.lifeline);
    adopt(pid, reach::process);
    watch(channel_.handle(), EPOLLIN | EPOLLOUT);
    // Without a limit it has to be ready in time all the same: a worker that is stopped before would never end.
    if (limit_.count() > 0)
      set_deadline(limit_, deadline::time_limit);
    else
      set_deadline(worker_options().start_timeout, deadline::exit_grace);
  }

  void exchange(bool) override {
    if (!channel_.is_open()) return;
    send_rest();
    if (receive()) return;
    unwatch(channel_.handle());
    channel_.close();
    set_deadline(exit_grace, deadline::exit_grace);  // it ends now, or it closed its socket and goes on
  }

  /// What came of the call, once the worker has ended.
  std::string result() {
    if (answer_) {
      if (answered_ok_) return *std::move(answer_);
      throw_failure(decode_failure(*answer_));
    }
    failure reason;
    reason.elapsed = clock::now() - started_;
    const worker_end end{.status = status(), .used = {}, .known = status_known()};
    if (timed_out()) {
      reason.kind = failure_kind::timeout;
      reason.message = fmt::format("over its limit of {:g} ms: its worker process was killed",
                                   std::chrono::duration<double, std::milli>(limit_).count());
    } else {
      reason.kind = failure_kind::worker_died;
      reason.message = fmt::format("the worker process {}{}{}{}", end.text(),
                                   ready_ || !startup_error_.empty() ? "" : " before it was ready",
                                   startup_error_.empty() ? "" : ", saying: ", startup_error_);
      reason.signal = end.signal();
    }
    throw error(std::move(reason));
  }

 private:
  static constexpr std::chrono::seconds exit_grace{5};

  void encode(const process_call& call) {
    const std::string& argument = call.argument.bytes;
    if (argument.size() > max_value_bytes) throw error(too_large_to_send());
    std::string frames;
    worker_settings().write_setup(frames, setup_frame{});
    append_function(frames, 0, {std::string(call.function), call.context}, false);
    frame_writer tasks(frames, frame_type::tasks);
    append_raw(frames, tasks_frame{.count = 1, .each = static_cast<std::uint32_t>(argument.size())});
    frames += argument;
    tasks.close();
    channel_.add_owned(std::move(frames));
    channel_.finish_sending();
  }

  void send_rest() {
    if (sent_ || channel_.flush() == worker_channel::sending::blocked) return;
    sent_ = true;  // or it is gone; its end says the rest
    watch_again(channel_.handle(), EPOLLIN);
  }

  /// Reads what there is. False when there will be no more.
  bool receive() {
    for (;;) {
      const auto got = channel_.receive();
      if (got == worker_channel::input::none) return true;
      if (got == worker_channel::input::ended) return false;
      while (const auto frame = channel_.frames().next()) on_frame(*frame);
    }
  }

  void on_frame(const frame_reader::frame& frame) {
    auto payload = frame.payload;
    switch (frame.type) {
      case frame_type::hello:
        check_hello(payload);
        ready_ = true;
        if (limit_.count() <= 0) set_deadline(std::chrono::nanoseconds::max(), deadline::exit_grace);
        return;
      case frame_type::results: {
        const auto results = take_results(payload);
        if (!results || results->header.count != 1 || results->header.first_ordinal != 0 || answer_)
          throw error(failure_kind::protocol, "the worker process sent a result that is none");
        answer_.emplace(results->values[0]);
        answered_ok_ = results->header.ok != 0;
        return;
      }
      case frame_type::bye:
        return set_deadline(exit_grace, deadline::exit_grace);  // it still runs what the program does at exit
      case frame_type::startup_error:
        startup_error_ = payload;
        return;
      case frame_type::setup:
      case frame_type::tasks:
      case frame_type::function:
      case frame_type::forget:
      case frame_type::recall:
      case frame_type::held:
      case frame_type::returned:
        break;
    }
    throw error(failure_kind::protocol, "the worker process sent a frame that is not a worker's");
  }

  std::chrono::nanoseconds limit_;
  clock::time_point started_ = clock::now();
  progress_page page_;
  worker_channel channel_{owned_descriptor()};
  owned_descriptor lifeline_;
  bool sent_ = false;  ///< all there is to send
  std::optional<std::string> answer_;
  bool answered_ok_ = false;
  std::string startup_error_;
  bool ready_ = false;  ///< said hello
};

}  // namespace

task<std::string> call_in_worker(process_call call) {
  installed_worker_backend();  // throws without fanout::init
  if (call.argument.refused) throw error(*std::move(call.argument.refused));
  calling_worker worker(call);
  call = {};
  const waiting_for mark("a worker process");
  task<bool> end = worker.wait();
  co_await std::move(end);
  co_return worker.result();
}

}  // namespace detail
}  // namespace fanout
