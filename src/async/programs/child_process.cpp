#include <fanout/async/detail/child_process.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

[[noreturn]] void refuse(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// Readable every 5 ms, where a child's end cannot be announced and has to be asked for.
owned_descriptor poll_timer() {
  owned_descriptor timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec when{};
  when.it_value.tv_nsec = when.it_interval.tv_nsec = 5'000'000;
  if (!timer || timerfd_settime(timer.value(), 0, &when, nullptr) != 0) refuse("cannot watch a child process");
  return timer;
}

}  // namespace

child_process::child_process() : watched_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!watched_) refuse("cannot watch a child process");
}

child_process::~child_process() {
  if (pid_ < 0) return;
  kill();
  reap();
}

void child_process::adopt(pid_t pid, reach killed) {
  pid_ = pid;
  killed_ = killed;
  // By number: glibc 2.36 declares pidfd_open() without C linkage. The descriptor is close-on-exec.
  exit_ = owned_descriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  // It ended, and something else in this program reaped it: what is watched instead is readable from the start.
  if (!exit_ && errno == ESRCH) exit_ = owned_descriptor(eventfd(1, EFD_CLOEXEC));
  if (!exit_ && errno == ENOSYS) {  // valgrind 3.19, Linux before 5.3
    exit_ = poll_timer();
    polled_ = true;
  }
  if (!exit_) refuse("cannot watch a child process");
  add(exit_.value(), EPOLLIN);
}

void child_process::add(int descriptor, std::uint32_t events) {
  epoll_event what{};
  what.events = events;
  if (epoll_ctl(watched_.value(), EPOLL_CTL_ADD, descriptor, &what) != 0) refuse("cannot watch a child process");
}

// A child that was killed, or has ended, is waited for and nothing else: its last `exchange` may still want to watch.
void child_process::watch(int descriptor, std::uint32_t events) {
  if (was_killed_) return;
  others_.push_back(descriptor);
  add(descriptor, events);
}

void child_process::watch_again(int descriptor, std::uint32_t events) {
  if (std::find(others_.begin(), others_.end(), descriptor) == others_.end()) return;
  epoll_event what{};
  what.events = events;
  if (epoll_ctl(watched_.value(), EPOLL_CTL_MOD, descriptor, &what) != 0) refuse("cannot watch a child process");
}

void child_process::unwatch(int descriptor) noexcept {
  if (std::erase(others_, descriptor) == 0) return;
  epoll_ctl(watched_.value(), EPOLL_CTL_DEL, descriptor, nullptr);
}

void child_process::set_deadline(std::chrono::nanoseconds from_now, deadline meaning) {
  if (was_killed_) return;
  deadline_ = meaning;
  if (!timer_) {
    timer_ = owned_descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!timer_) refuse("cannot limit the time of a child process");
    watch(timer_.value(), EPOLLIN);
  }
  const auto wait = std::max(from_now, std::chrono::nanoseconds(1));  // 0 would mean never
  itimerspec when{};
  when.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(wait).count();
  when.it_value.tv_nsec = (wait % std::chrono::seconds(1)).count();
  if (timerfd_settime(timer_.value(), 0, &when, nullptr) != 0) refuse("cannot limit the time of a child process");
}

void child_process::check_deadline() noexcept {
  std::uint64_t expired = 0;
  if (was_killed_ || !timer_ || read(timer_.value(), &expired, sizeof expired) <= 0) return;
  timed_out_ = deadline_ == deadline::time_limit;
  kill();
}

// Not reaped yet, so the number is still its own, and its group's.
void child_process::kill() noexcept {
  if (pid_ < 0) return;
  ::kill(killed_ == reach::group ? -pid_ : pid_, SIGKILL);
  if (std::exchange(was_killed_, true)) return;
  // The other descriptors may be ready all the time, and are not read before the end.
  for (const int descriptor : others_) epoll_ctl(watched_.value(), EPOLL_CTL_DEL, descriptor, nullptr);
  others_.clear();
}

/// Whether it can be reaped without waiting.
bool child_process::has_ended() const noexcept {
  std::uint64_t expired = 0;
  if (polled_ && read(exit_.value(), &expired, sizeof expired) < 0) expired = 0;  // asked too early, which does no harm
  siginfo_t ended{};
  if (waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD;
  return ended.si_pid == pid_;
}

void child_process::reap() noexcept {
  while (wait4(pid_, &status_, 0, &used_) < 0) {
    if (errno == EINTR) continue;
    status_known_ = false;
    if (timed_out_) status_ = SIGKILL;
    break;
  }
  pid_ = -1;
  if (status_known_ && WIFEXITED(status_))
    timed_out_ = false;  // it ended in the very moment in which it was to be killed
}

/// The wait of one child, as a composed operation of Asio: it has a cancellation state of its own, so that it can go on
/// waiting after it was cancelled, and leaves the coroutine's as it is.
struct child_wait {
  child_process& child;
  asio::posix::stream_descriptor& ready;
  std::exception_ptr& failed;
  bool begun = false;
  bool cancelled = false;

  template <class Self>
  void operator()(Self& self, boost::system::error_code = {}) {  // what Asio says of the wait is a hint
    if (!cancelled && self.get_cancellation_state().cancelled() != asio::cancellation_type::none) {
      cancelled = true;
      child.kill();
      self.reset_cancellation_state(asio::disable_cancellation());
    }
    if (std::exchange(begun, true) && proceed()) {
      if (cancelled && !failed)
        failed = std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
      return self.complete();
    }
    auto& waited = ready;
    waited.async_wait(asio::posix::descriptor_base::wait_read, std::move(self));
  }

  /// Returns whether the wait is over. Throws nothing: that would end the loop.
  bool proceed() noexcept {
    const bool ended = child.has_ended();
    if (ended)
      child.kill();  // what is left of its group
    else
      child.check_deadline();
    try {
      if (!failed && !cancelled) child.exchange(ended);
    } catch (...) {
      failed = std::current_exception();
      child.kill();
    }
    if (ended) child.reap();
    return ended || (!failed && !cancelled && child.wants_pause());
  }
};

task<bool> child_process::wait() {
  const auto executor = co_await asio::this_coro::executor;
  owned_descriptor copy = copied_above(watched_.value(), 0);
  asio::posix::stream_descriptor ready(executor, copy.value());
  copy.release();
  std::exception_ptr failed;
  auto operation = asio::async_compose<const asio::use_awaitable_t<>&, void()>(child_wait{*this, ready, failed},
                                                                               asio::use_awaitable, ready);
  co_await std::move(operation);
  if (failed) std::rethrow_exception(failed);
  co_return pid_ < 0;
}

}  // namespace fanout::detail
