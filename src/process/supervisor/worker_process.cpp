#include "process/supervisor/worker_process.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <new>
#include <span>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

/// Does something when a scope ends, however it does.
template <class What>
class at_end {
 public:
  explicit at_end(What what) : what_(std::move(what)) {}
  at_end(const at_end&) = delete;
  at_end& operator=(const at_end&) = delete;
  ~at_end() { what_(); }

 private:
  What what_;
};

}  // namespace

bool worker_end::by_signal() const noexcept {
  return known && WIFSIGNALED(status);
}
int worker_end::signal() const noexcept {
  return by_signal() ? WTERMSIG(status) : 0;
}

std::string worker_end::text() const {
  if (!known) return "ended, and how is not known: something else in this program reaped it (SIGCHLD is ignored?)";
  if (!by_signal()) return fmt::format("exited with status {}", WEXITSTATUS(status));
  const char* const name = sigabbrev_np(signal());
  return fmt::format("was killed by SIG{} ({})", name ? name : "?", signal());
}

worker_process::worker_process(asio::io_context& loop, std::uint32_t number, std::uint32_t lanes,
                               const worker_options& how)
    : loop_(loop),
      number_(number),
      page_(progress_page::create(lanes)),
      output_(loop, how, number),
      channel_(owned_descriptor()),
      watched_(loop),
      exit_(loop),
      grace_(loop, asio::steady_timer::time_point::max()),
      exit_poll_(loop) {
  spawned_worker child = spawn_worker(page_.descriptor(), {.directory = &how.directory,
                                                           .environment = &how.environment,
                                                           .output = output_.output(),
                                                           .error = output_.error()});
  page_.close_descriptor();
  channel_.open(owned_descriptor(std::exchange(child.socket, -1)));
  boost::system::error_code failed;
  watched_.begin(channel_.handle(), failed);
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
  if (reaped_) return;
  kill();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void worker_process::kill() {
  if (reaped_) return;
  killed_ = true;
  // By descriptor: where the program has its children reaped, the number may be another process's by now.
  if (exit_.is_open())
    syscall(SYS_pidfd_send_signal, exit_.native_handle(), SIGKILL, nullptr, 0);
  else
    ::kill(pid_, SIGKILL);
}

std::chrono::steady_clock::time_point worker_process::time_of(std::int64_t ns) const noexcept {
  using clock = std::chrono::steady_clock;
  return std::clamp(clock::time_point(std::chrono::nanoseconds(ns)), begun_, std::max(begun_, clock::now()));
}

void worker_process::send(std::string_view frames) {
  channel_.add(frames);
  if (!writing_) start_writing();
}

// A batch that was not wholly sent stays: no result of its tasks is taken, and none of them comes back.
void worker_process::send_inputs_of_last() {
  channel_.add_borrowed(batches.back().tasks().inputs.all(), batches.back().first_ordinal());
  if (!writing_) start_writing();
}

void worker_process::finish_sending() {
  finishing = true;
  channel_.finish_sending();
  if (!writing_) start_writing();
}

// A caller waits in the call that receives, without asking anybody else; so the socket blocks, for as long as a caller
// has patience. In the loop it never does, whatever it is asked.
void worker_process::check_out(std::set<std::uint32_t> told, std::function<void(worker_process&)> when_gone) {
  watched_.end();
  channel_.set_blocking(direct_call_channel::patience);
  when_gone_ = std::move(when_gone);
  direct.emplace(number_, channel_, end_ordinal, std::move(told));
}

void worker_process::check_in() {
  std::string unsent = direct->take_unsent();
  direct.reset();
  channel_.set_nonblocking();
  boost::system::error_code failed;
  watched_.begin(channel_.handle(), failed);
  if (failed) {  // the loop cannot watch it: it ends, as any worker that hangs up
    channel_.close();
    protocol_error_ = fmt::format("its socket cannot be watched any more: {}", failed.message());
    kill();
  } else {
    try {
      channel_.add_owned(std::move(unsent));
      if (!channel_.all_sent()) start_writing();
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
  const auto written = channel_.flush();  // where it is broken, the worker's end says the rest
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
  const at_end over([this] {
    writing_ = false;
    grace_.cancel();
  });
  boost::system::error_code failed;
  while (!channel_.all_sent() && !failed) {
    auto wait = watched_->async_wait(asio::socket_base::wait_write, asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(wait);
    if (!failed) start_writing();
  }
}

worker_process::input worker_process::read_frames(const frame_handler& on_frame) {
  received_more_ = false;
  // What came while it was checked out.
  if (!channel_.frames().empty() && !hand_frames(on_frame)) return input::closed;
  for (int turn = 0; turn < 4; ++turn) {  // then it is the other workers' turn
    worker_channel::input got;
    const auto begun = std::chrono::steady_clock::now();
    try {
      got = channel_.receive();
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
  protocol_error_ = "there is no memory for what it sent";
  return false;
}

bool worker_process::hand_frames(const frame_handler& on_frame) {
  try {
    while (const auto frame = channel_.frames().next()) on_frame(*frame);
    return true;
  } catch (const error& what) {
    protocol_error_ = what.what();
    return false;
  } catch (const std::bad_alloc&) {
    return no_memory_for_it();
  }
}

/// Whether it has ended, and can be reaped without waiting.
bool worker_process::has_ended() const {
  siginfo_t ended{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return ended.si_pid == pid_;
}

// Asio may complete a wait for no reason: an event for a descriptor that was closed in the same turn of the loop is
// handed to whoever registered next. So what it says is a hint.
task<void> worker_process::wait_for_exit() {
  boost::system::error_code failed;
  while (!failed && !has_ended()) {
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
  const at_end over([this] { exited(); });  // as in write_rest()
  auto exit = wait_for_exit();
  co_await std::move(exit);
}

void worker_process::exited() {
  if (!has_ended()) kill();  // it cannot be watched, so it must end now
  exited_ = true;
  boost::system::error_code ignored;
  watched_->cancel(ignored);
  grace_.cancel();
  if (direct) when_gone_(*this);
}

/// Until it has ended, or until then.
task<void> worker_process::wait_for_end(asio::steady_timer::time_point until) {
  boost::system::error_code ignored;
  while (!exited_ && std::chrono::steady_clock::now() < until) {
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
  while (!exited_ && read_frames(on_frame) == input::waiting && !exited_ && !said_bye) {
    auto wait = watched_->async_wait(asio::socket_base::wait_read, asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
    auto away = wait_while_checked_out();
    co_await std::move(away);
  }
  hung_up_ = true;
  if (!exited_ && !corrupt()) {
    // After a bye it still runs what the program does at exit. Without one it is about to end, or it closed its socket.
    const std::chrono::milliseconds grace = said_bye ? exit_grace : hang_up_grace;
    auto end = wait_for_end(std::chrono::steady_clock::now() + grace);
    co_await std::move(end);
    closed_its_connection_ = !exited_ && !said_bye && !killed_;
  }
  if (!exited_) kill();
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
  reaped_ = true;
  output_.finish();
  watched_.end();
  channel_.close();
  while (writing_) {  // write_rest() has to end before this object may
    grace_.expires_at(time_point::max());
    auto wait = grace_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    co_await std::move(wait);
  }
  co_return end;
}

}  // namespace fanout::detail
