#include <fanout/async/detail/child_process.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/to_process.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/supervisor/worker_process.hpp"
#include "process/worker/worker_settings.hpp"

#include <fmt/format.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace fanout {
namespace detail {
namespace {

using clock = std::chrono::steady_clock;

/// A worker that makes one call. It is told all there is at once, and then that there is no more; so it answers, takes
/// its leave and ends by itself.
class calling_worker final : public child_process {
 public:
  explicit calling_worker(const process_call& call) : limit_(call.how.timeout), page_(progress_page::create(1)) {
    encode(call);
    spawned_worker child = spawn_worker(page_.descriptor(), {});
    page_.close_descriptor();
    const pid_t pid = std::exchange(child.pid, -1);
    socket_ = owned_descriptor(std::exchange(child.socket, -1));
    lifeline_ = std::move(child.lifeline);
    adopt(pid, reach::process);
    watch(socket_.value(), EPOLLIN | EPOLLOUT);
    // Without a limit it has to be ready in time all the same: a worker that is stopped before would never end.
    if (limit_.count() > 0)
      set_deadline(limit_, deadline::time_limit);
    else
      set_deadline(worker_options().start_timeout, deadline::exit_grace);
  }

  void exchange(bool) override {
    if (!socket_) return;
    send_rest();
    if (receive()) return;
    unwatch(socket_.value());
    socket_.reset();
    set_deadline(exit_grace, deadline::exit_grace);  // it ends now, or it closed its socket and goes on
  }

  /// What came of the call, once the worker has ended.
  std::string result() {
    if (answer_) {
      if (answered_ok_) return *std::move(answer_);
      throw error(decode_failure(*answer_));
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
    frame_writer setup(out_, frame_type::setup);
    append_raw(out_, hello_frame{});
    append_raw(out_, setup_frame{});
    worker_settings().encode(out_);
    setup.close();
    frame_writer function(out_, frame_type::function);
    append_raw(out_, function_frame{.name_bytes = static_cast<std::uint32_t>(call.function.size())});
    out_ += call.function;
    out_ += call.context;
    function.close();
    frame_writer tasks(out_, frame_type::tasks);
    append_raw(out_, tasks_frame{.count = 1, .each = static_cast<std::uint32_t>(argument.size())});
    out_ += argument;
    tasks.close();
  }

  void send_rest() {
    if (written_ == out_.size()) return;
    while (written_ < out_.size()) {
      const auto sent = send(socket_.value(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (sent < 0) break;  // it is gone; its end says the rest
      written_ += static_cast<std::size_t>(sent);
    }
    written_ = out_.size();
    shutdown(socket_.value(), SHUT_WR);
    watch_again(socket_.value(), EPOLLIN);
  }

  /// Reads what there is. False when there will be no more.
  bool receive() {
    constexpr std::size_t chunk = 256 * 1024;
    for (;;) {
      const auto room = reader_.room(chunk);
      const auto got = recv(socket_.value(), room.data(), room.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
      if (got <= 0) return false;
      reader_.added(static_cast<std::size_t>(got));
      while (const auto frame = reader_.next()) on_frame(*frame);
    }
  }

  void on_frame(const frame_reader::frame& frame) {
    auto payload = frame.payload;
    switch (frame.type) {
      case frame_type::hello: {
        const auto hello = take_raw<hello_frame>(payload);
        const std::string why = hello ? mismatch(*hello, "worker process") : "the worker process said no hello";
        if (!why.empty()) throw error(failure_kind::protocol, why);
        ready_ = true;
        if (limit_.count() <= 0) set_deadline(std::chrono::nanoseconds::max(), deadline::exit_grace);
        return;
      }
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
  owned_descriptor socket_;
  owned_descriptor lifeline_;
  std::string out_;
  std::size_t written_ = 0;  ///< of out_
  frame_reader reader_;
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
