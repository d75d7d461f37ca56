#include "support/worker_deaths.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

namespace fanout::test {
namespace {

using clock = std::chrono::steady_clock;

thread_local bool exempt = false;  // a call of this file's own

/// The workers that were started and not reaped, in that order. What is reaped is taken out first, so a number here is
/// never another process's.
struct register_of_workers {
  std::mutex mutex;
  std::vector<int> pids;

  void remove(int pid) {
    const std::lock_guard lock(mutex);
    std::erase(pids, pid);
  }
  /// Kills one and waits until it is dead. False if it is not there any more, or dead already.
  bool kill_and_wait(int pid) {
    siginfo_t ended{};
    syscall(SYS_waitid, P_PID, pid, &ended, WEXITED | WNOHANG | WNOWAIT, nullptr);
    if (ended.si_pid == pid) return false;
    if (kill(pid, SIGKILL) != 0) return false;
    while (syscall(SYS_waitid, P_PID, pid, &ended, WEXITED | WNOWAIT, nullptr) != 0 && errno == EINTR) {
    }
    return true;
  }
};

register_of_workers& workers() {
  static register_of_workers all;
  return all;
}

struct plan {
  std::atomic<bool> armed{false};
  int number = 0;
  moment when = moment::before;
  victim who = victim::youngest;
  std::atomic<int> calls{0};
  std::atomic<bool> happened{false};
};
plan only;

void strike() {
  exempt = true;
  {
    auto& all = workers();
    const std::lock_guard lock(all.mutex);
    auto targets = all.pids;
    if (only.who == victim::youngest) std::reverse(targets.begin(), targets.end());
    for (const int pid : targets)
      if (all.kill_and_wait(pid)) {
        only.happened = true;
        break;
      }
  }
  exempt = false;
}

thread_local int this_call = -1;

}  // namespace

void before_a_call() {
  if (exempt || !only.armed.load()) return;
  this_call = only.calls.fetch_add(1);
  if (only.when == moment::before && this_call == only.number) strike();
}

void after_a_call() {
  if (exempt || !only.armed.load()) return;
  const int error = errno;
  if (only.when == moment::after && this_call == only.number) strike();
  this_call = -1;
  errno = error;
}

death_at_call::death_at_call(int number, moment when, victim who) {
  only.number = number;
  only.when = when;
  only.who = who;
  only.calls = 0;
  only.happened = false;
  only.armed = true;
}
death_at_call::~death_at_call() {
  only.armed = false;
}
int death_at_call::calls() const {
  return only.calls;
}
bool death_at_call::happened() const {
  return only.happened;
}

namespace {
std::atomic<int> fatal_start{-1};
std::atomic<int> starts_seen{0};
}  // namespace

death_at_start::death_at_start(int number) {
  starts_seen = 0;
  fatal_start = number;
}
death_at_start::~death_at_start() {
  fatal_start = -1;
}
int death_at_start::starts() const {
  return starts_seen;
}

struct deaths_at_any_age::state {
  explicit state(const settings& settings_given) : how(settings_given), random(how.seed) {}

  struct doomed {
    int pid;
    clock::time_point when;
  };
  const settings how;
  std::mutex mutex;  // taken before the register's
  std::condition_variable changed;
  std::mt19937 random;
  std::deque<doomed> waiting;  // by time
  bool over = false;
  std::atomic<int> deaths{0};
  std::thread killer;

  static std::atomic<state*>& current() {
    static std::atomic<state*> it{nullptr};
    return it;
  }

  void on_start(int pid) {
    std::unique_lock lock(mutex);
    if (over || deaths + static_cast<int>(waiting.size()) >= how.most) return;
    if (std::uniform_real_distribution(0.0, 1.0)(random) >= how.share) return;
    if (random() % 8 == 0) {
      lock.unlock();
      shoot(pid);
      return;
    }
    // A third of the others while they are young, and the rest evenly.
    const auto oldest = random() % 3 == 0 ? how.oldest / 8 : how.oldest;
    const std::chrono::microseconds age(std::uniform_int_distribution<std::int64_t>(0, oldest.count())(random));
    const doomed one{pid, clock::now() + age};
    waiting.insert(std::upper_bound(waiting.begin(), waiting.end(), one,
                                    [](const doomed& a, const doomed& b) { return a.when < b.when; }),
                   one);
    changed.notify_all();
  }

  void shoot(int pid) {
    auto& all = workers();
    const std::lock_guard lock(all.mutex);
    if (std::find(all.pids.begin(), all.pids.end(), pid) != all.pids.end() && all.kill_and_wait(pid)) ++deaths;
  }

  void work() {
    exempt = true;
    std::unique_lock lock(mutex);
    while (!over) {
      if (waiting.empty()) {
        changed.wait(lock);
      } else if (clock::now() < waiting.front().when) {
        const auto when = waiting.front().when;
        changed.wait_until(lock, when);
      } else {
        const int pid = waiting.front().pid;
        waiting.pop_front();
        lock.unlock();
        shoot(pid);
        lock.lock();
      }
    }
  }
};

deaths_at_any_age::deaths_at_any_age(const settings& how) : state_(std::make_unique<state>(how)) {
  state_->killer = std::thread([this] { state_->work(); });
  state::current() = state_.get();
}
deaths_at_any_age::~deaths_at_any_age() {
  state::current() = nullptr;
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
    state_->changed.notify_all();
  }
  state_->killer.join();
}
int deaths_at_any_age::deaths() const {
  return state_->deaths;
}

void note_started(int pid) {
  {
    auto& all = workers();
    const std::lock_guard lock(all.mutex);
    all.pids.push_back(pid);
    const int seen = starts_seen++;
    if (fatal_start >= 0 && seen >= fatal_start && seen < fatal_start + 3) all.kill_and_wait(pid);
  }
  exempt = true;
  if (auto* const storm = deaths_at_any_age::state::current().load()) storm->on_start(pid);
  exempt = false;
}

namespace {

/// A call that is counted.
template <class Call>
auto counted(Call call) {
  before_a_call();
  const auto result = call();
  after_a_call();
  return result;
}

}  // namespace
}  // namespace fanout::test

// Instead of the C library's
// -------------------------------------------------------------------------------------------

using fanout::test::counted;

#if defined(__has_feature)  // Clang
#if __has_feature(thread_sanitizer)
#define FANOUT_TEST_THREAD_SANITIZED
#endif
#elif defined(__SANITIZE_THREAD__)
#define FANOUT_TEST_THREAD_SANITIZED
#endif

extern "C" {

int shutdown(int descriptor, int how) noexcept {
  return counted([&] { return static_cast<int>(syscall(SYS_shutdown, descriptor, how)); });
}

int setsockopt(int descriptor, int level, int name, const void* value, socklen_t size) noexcept {
  return counted([&] { return static_cast<int>(syscall(SYS_setsockopt, descriptor, level, name, value, size)); });
}

int waitid(idtype_t type, id_t id, siginfo_t* ended, int options) {
  return counted([&] {
    if ((options & (WNOWAIT | WNOHANG)) == 0 && type == P_PID) fanout::test::workers().remove(static_cast<int>(id));
    return static_cast<int>(syscall(SYS_waitid, type, id, ended, options, nullptr));
  });
}

pid_t wait4(pid_t pid, int* status, int options, rusage* used) noexcept {
  return counted([&] {
    fanout::test::workers().remove(pid);
    return static_cast<pid_t>(syscall(SYS_wait4, pid, status, options, used));
  });
}

pid_t waitpid(pid_t pid, int* status, int options) {
  return counted([&] {
    fanout::test::workers().remove(pid);
    return static_cast<pid_t>(syscall(SYS_wait4, pid, status, options, nullptr));
  });
}

// The thread sanitizer learns from its own versions of these what happened before what.
#ifndef FANOUT_TEST_THREAD_SANITIZED
ssize_t send(int descriptor, const void* data, size_t size, int flags) {
  return counted([&] { return syscall(SYS_sendto, descriptor, data, size, flags, nullptr, 0); });
}

ssize_t recv(int descriptor, void* data, size_t size, int flags) {
  return counted([&] { return syscall(SYS_recvfrom, descriptor, data, size, flags, nullptr, nullptr); });
}

int epoll_wait(int descriptor, epoll_event* events, int most, int timeout) {
  return counted(
      [&] { return static_cast<int>(syscall(SYS_epoll_pwait, descriptor, events, most, timeout, nullptr, 8)); });
}

int epoll_ctl(int descriptor, int operation, int watched, epoll_event* event) noexcept {
  return counted([&] { return static_cast<int>(syscall(SYS_epoll_ctl, descriptor, operation, watched, event)); });
}
#endif
}
