#include "async/child_process.hpp"

#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>

namespace fanout::detail {
namespace {

[[noreturn]] void refuse(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
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
  if (!exit_) refuse("cannot watch a child process");
  watch(exit_.value(), EPOLLIN);
}

void child_process::watch(int descriptor, std::uint32_t events) {
  epoll_event what{};
  what.events = events;
  if (epoll_ctl(watched_.value(), EPOLL_CTL_ADD, descriptor, &what) != 0) refuse("cannot watch a child process");
}

void child_process::watch_again(int descriptor, std::uint32_t events) {
  epoll_event what{};
  what.events = events;
  if (epoll_ctl(watched_.value(), EPOLL_CTL_MOD, descriptor, &what) != 0) refuse("cannot watch a child process");
}

void child_process::unwatch(int descriptor) noexcept {
  epoll_ctl(watched_.value(), EPOLL_CTL_DEL, descriptor, nullptr);
}

void child_process::set_deadline(std::chrono::nanoseconds from_now, deadline meaning) {
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
  // What else is watched may be ready all the time, and nobody reads it any more before the end.
  owned_descriptor only_its_end(epoll_create1(EPOLL_CLOEXEC));
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (only_its_end && epoll_ctl(only_its_end.value(), EPOLL_CTL_ADD, exit_.value(), &readable) == 0)
    dup3(only_its_end.value(), watched_.value(), O_CLOEXEC);
}

/// Whether it can be reaped without waiting.
bool child_process::has_ended() const noexcept {
  siginfo_t ended{};
  return waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == pid_;
}

void child_process::reap() noexcept {
  while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}
