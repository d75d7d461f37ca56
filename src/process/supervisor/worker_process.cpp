#include "process/supervisor/worker_process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

/// Does something when the scope of a coroutine ends, however it does, unless the object that `alive` belongs to is
/// gone: a loop that is destroyed later than it destroys the coroutine then.
template <class What>
class at_end {
 public:
  at_end(std::weak_ptr<const bool> alive, What what) : alive_(std::move(alive)), what_(std::move(what)) {}
  at_end(const at_end&) = delete;
  at_end& operator=(const at_end&) = delete;
  ~at_end() {
    if (!alive_.expired()) what_();
  }

 private:
  std::weak_ptr<const bool> alive_;
  What what_;
};

}  // namespace

worker_process::worker_process(asio::io_context& loop, std::uint32_t number, std::uint32_t lanes,
                               const worker_options& how)
    : worker_record(number, lanes),
      patience(loop),
      loop_(loop),
      output_(loop, how, number),
      channel_(owned_descriptor()),
      watched_(loop),
      exit_(loop),
      grace_(loop, asio::steady_timer::time_point::max()),
      exit_poll_(loop) {
  spawned_worker child = spawn_worker(page_.descriptor(), {.command = &how.command,
                                                           .directory = &how.directory,
                                                           .environment = &how.environment,
                                                           .output = output_.output(),
                                                           .error = output_.error()});
  page_.close_descriptor();
  channel().open(owned_descriptor(std::exchange(child.socket, -1)));
  boost::system::error_code failed;
  watched_.begin(channel().handle(), failed);
  if (failed) throw boost::system::system_error(failed, "assign");
  if (child.pidfd >= 0) {
    exit_.assign(child.pidfd);
    child.pidfd = -1;
  }
  lifeline_ = std::move(child.lifeline);
  output_.begin();
  pid_ = std::exchange(child.pid, -1);  // last: until here the child is killed and reaped where anything fails
}

worker_process::~worker_process() {
  if (process() == process_state::reaped) return;
  kill();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void worker_process::kill() {
  if (process() == process_state::reaped) return;
  was_killed();
  // By descriptor: where the program has its children reaped, the number may be another process's by now.
  if (exit_.is_open())
    syscall(SYS_pidfd_send_signal, exit_.native_handle(), SIGKILL, nullptr, 0);
  else
    ::kill(pid_, SIGKILL);
}

process_usage worker_process::usage() const {
  process_usage used;
  clockid_t cpu_clock{};
  timespec time{};
  if (clock_getcpuclockid(pid_, &cpu_clock) == 0 && clock_gettime(cpu_clock, &time) == 0)
    used.cpu = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  std::ifstream status(fmt::format("/proc/{}/status", pid_));
  std::string word;
  while (status >> word)
    if (word == "VmHWM:") {
      std::uint64_t kibibytes = 0;
      status >> kibibytes;
      used.peak_rss_bytes = kibibytes * 1024;
      break;
    }
  return used;
}

void worker_process::send_outbox() {
  channel().add(outbox.frames());
  outbox.clear();
  if (!writing_) start_writing();
}

// A batch that was not wholly sent stays: no result of its tasks is taken, and none of them comes back.
void worker_process::send_inputs_of_last() {
  const handed_batch& last = tasks.batches().back();
  channel().add_borrowed(last.tasks().inputs.all(), last.first_ordinal());
  if (!writing_) start_writing();
}

void worker_process::finish_sending() {
  told_to_leave();
  channel().finish_sending();
  if (!writing_) start_writing();
}

// A caller waits in the call that receives, without asking anybody else; so the socket blocks, for as long as a caller
// has patience. In the loop it never does, whatever it is asked.
void worker_process::check_out(std::function<void(worker_process&)> when_gone) {
  watched_.end();
  channel().set_blocking(direct_call_channel::patience);
  when_gone_ = std::move(when_gone);
  direct.emplace(number_, channel_, tasks.end_ordinal(), outbox.take_told());
  went_to_caller();
}

void worker_process::check_in() {
  std::string unsent = direct->take_unsent();
  outbox.set_told(std::move(direct->told()));
  direct.reset();
  came_back();
  channel().set_nonblocking();
  boost::system::error_code failed;
  watched_.begin(channel().handle(), failed);
  if (failed) {  // the loop cannot watch it: it ends, as any worker that hangs up
    channel().close();
    protocol_error = fmt::format("its socket cannot be watched any more: {}", failed.message());
    kill();
  } else {
    try {
      channel().add_owned(std::move(unsent));
      if (!channel().all_sent()) start_writing();
    } catch (const std::bad_alloc&) {  // half a frame is of no use
      kill();
    }
  }
  grace_.cancel();
}

task<void> worker_process::wait_while_checked_out() {
  boost::system::error_code ignored;
  while (direct) {
    grace_.expires_at(asio::steady_timer::time_point::max());
    auto wait = grace_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
  }
}

// A worker takes tasks nearly always at once, so writing is tried before waiting.
void worker_process::start_writing() {
  const auto begun = std::chrono::steady_clock::now();
  const auto written = channel().flush();  // where it is broken, the worker's end says the rest
  moving_ += std::chrono::steady_clock::now() - begun;
  if (written != worker_channel::sending::blocked || writing_) return;
  writing_ = true;
  try {
    asio::co_spawn(loop_, write_rest(), asio::detached);
  } catch (...) {
    writing_ = false;
    throw;
  }
}

task<void> worker_process::write_rest() {
  // However this ends: where there is no memory for a wait, Asio destroys the coroutine.
  const at_end over(alive_, [this] {
    writing_ = false;
    grace_.cancel();
  });
  boost::system::error_code failed;
  while (!channel().all_sent() && !failed) {
    auto wait = watched_->async_wait(asio::socket_base::wait_write, asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(wait);
    if (!failed) start_writing();
  }
}

worker_process::input worker_process::read_frames(const frame_handler& on_frame) {
  received_more_ = false;
  // What came while it was checked out.
  if (!channel().frames().empty() && !hand_frames(on_frame)) return input::closed;
  for (int turn = 0; turn < 4; ++turn) {  // then it is the other workers' turn
    worker_channel::input got;
    const auto begun = std::chrono::steady_clock::now();
    try {
      got = channel().receive();
    } catch (const std::bad_alloc&) {
      no_memory_for_it();
      return input::closed;
    }
    moving_ += std::chrono::steady_clock::now() - begun;
    if (got == worker_channel::input::none) return input::waiting;
    if (got == worker_channel::input::ended) return input::closed;
    received_more_ = true;
    if (!hand_frames(on_frame)) return input::closed;
    if (got == worker_channel::input::all) return input::waiting;
  }
  return input::waiting;
}

/// Nothing more can be understood of a worker then: it is killed, and its tasks have their outcomes like those of any.
bool worker_process::no_memory_for_it() {
  protocol_error = "there is no memory for what it sent";
  return false;
}

bool worker_process::hand_frames(const frame_handler& on_frame) {
  try {
    while (const auto frame = channel().frames().next()) on_frame(*frame);
    return true;
  } catch (const error& what) {
    protocol_error = what.what();
    return false;
  } catch (const std::bad_alloc&) {
    return no_memory_for_it();
  }
}

/// Whether it has ended, and can be reaped without waiting.
bool worker_process::can_be_reaped() const {
  siginfo_t ended{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return ended.si_pid == pid_;
}

// Asio may complete a wait for no reason: an event for a descriptor that was closed in the same turn of the loop is
// handed to whoever registered next. So what it says is a hint.
task<void> worker_process::wait_for_exit() {
  boost::system::error_code failed;
  while (!failed && !can_be_reaped()) {
    if (exit_.is_open()) {
      auto wait =
          exit_.async_wait(asio::posix::descriptor_base::wait_read, asio::redirect_error(asio::use_awaitable, failed));
      co_await std::move(wait);
    } else {
      exit_poll_.expires_after(exit_poll);
      auto wait = exit_poll_.async_wait(asio::redirect_error(asio::use_awaitable, failed));
      co_await std::move(wait);
    }
  }
}

task<void> worker_process::watch_exit() {
  const at_end over(alive_, [this] { exited(); });  // as in write_rest()
  auto exit = wait_for_exit();
  co_await std::move(exit);
}

void worker_process::exited() {
  if (!can_be_reaped()) kill();  // it cannot be watched, so it must end now
  process_is(process_state::exited);
  boost::system::error_code ignored;
  watched_->cancel(ignored);
  grace_.cancel();
  if (direct) when_gone_(*this);
}

/// Until it has ended, or until then.
task<void> worker_process::wait_for_end(asio::steady_timer::time_point until) {
  boost::system::error_code ignored;
  while (!has_exited() && std::chrono::steady_clock::now() < until) {
    grace_.expires_at(until);
    auto wait = grace_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
  }
}

// The socket ends the conversation; the pidfd, which no grandchild can hold open, ends the process.
task<worker_end> worker_process::watch(std::function<void(const frame_reader::frame&)> on_frame) {
  using time_point = asio::steady_timer::time_point;
  asio::co_spawn(loop_, watch_exit(), asio::detached);
  boost::system::error_code ignored;
  while (!has_exited() && read_frames(on_frame) == input::waiting && !has_exited() && state() != worker_state::left) {
    auto wait = watched_->async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
    auto away = wait_while_checked_out();
    co_await std::move(away);
  }
  process_is(process_state::hung_up);
  if (!has_exited() && !corrupt()) {
    // After a bye it still runs what the program does at exit. Without one it is about to end, or it closed its socket.
    const std::chrono::milliseconds grace = state() == worker_state::left ? exit_grace : hang_up_grace;
    auto end = wait_for_end(std::chrono::steady_clock::now() + grace);
    co_await std::move(end);
    closed_its_connection = !has_exited() && state() != worker_state::left && !killed();
  }
  if (!has_exited()) kill();
  auto end_of_it = wait_for_end(time_point::max());
  co_await std::move(end_of_it);
  while (!corrupt() && read_frames(on_frame) == input::waiting && received_more_) {
  }  // what it managed to say before it ended
  worker_end end;
  while (wait4(pid_, &end.status, 0, &end.used) < 0) {
    if (errno == EINTR) continue;
    end.known = false;
    break;
  }
  process_is(process_state::reaped);
  output_.finish();
  watched_.end();
  channel().close();
  while (writing_) {  // write_rest() has to end before this object may
    grace_.expires_at(time_point::max());
    auto wait = grace_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
  }
  co_return end;
}

}  // namespace fanout::detail
