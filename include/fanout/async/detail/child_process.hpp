#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/task.hpp>

#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace fanout::detail {

/// A child process, what leads to it, and its end, on any executor.
///
/// All its descriptors are watched by one epoll instance, and a loop waits for that alone: one coroutine with one wait
/// sees to everything, so there is nothing to serialise where the executor has many threads, one thing to cancel, and
/// no coroutine beside it. (Rejected: a coroutine for each descriptor, which needs a strand and has to end them all.)
///
/// Thread safety: none. Destroying it kills and reaps a child that still runs.
class child_process {
 public:
  enum class reach { process, group };

  child_process();
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  virtual ~child_process();

  /// Does what can be done without waiting; `ended` when the child has, and this is the last call. May throw.
  virtual void exchange(bool ended) = 0;

  /// Ends it for good: from now on only its end is waited for.
  void kill() noexcept;
  bool timed_out() const noexcept { return timed_out_; }

  /// Whether `wait` should return although the child goes on.
  virtual bool wants_pause() const { return false; }

  /// Waits until the child has ended, is reaped, and everything it said is read: true; or until `wants_pause`: false,
  /// and it has to be called again. Cancelling kills the child, awaits its end, and then throws `operation_aborted`; so
  /// does an exception of `exchange`, which is then thrown.
  task<bool> wait();
  /// After the last `wait`: as waitpid(2) gives it.
  int status() const noexcept { return status_; }
  /// False where something else in this program reaped it: SIGCHLD is ignored, or somebody waits for any child.
  bool status_known() const noexcept { return status_known_; }
  /// What it and the children that it waited for used; zeros where that is not known.
  const rusage& used() const noexcept { return used_; }

 protected:
  /// Takes over the child `pid`. With `reach::group` it leads a process group, all of which is killed with it, and also
  /// when it has ended: what it left running ends, too.
  void adopt(pid_t pid, reach killed);
  /// Neither these nor a deadline have an effect once the child was killed or has ended.
  void watch(int descriptor, std::uint32_t events);
  /// Changes what is watched for.
  void watch_again(int descriptor, std::uint32_t events);
  void unwatch(int descriptor) noexcept;
  /// Kills the child `from_now` on; replaces the one before. Whether that is a `timed_out()` is said here.
  enum class deadline { time_limit, exit_grace };
  void set_deadline(std::chrono::nanoseconds from_now, deadline meaning);

 private:
  friend struct child_wait;
  bool has_ended() const noexcept;
  void check_deadline() noexcept;
  void reap() noexcept;
  void add(int descriptor, std::uint32_t events);

  owned_descriptor watched_;  ///< the epoll instance
  owned_descriptor exit_;     ///< the pidfd, or what stands in for it
  bool polled_ = false;       ///< that is a timer: the end has to be asked for
  owned_descriptor timer_;
  std::vector<int> others_;  ///< watched besides its end
  pid_t pid_ = -1;           ///< until it is reaped
  reach killed_ = reach::process;
  deadline deadline_ = deadline::time_limit;
  bool was_killed_ = false;
  bool timed_out_ = false;
  int status_ = 0;
  rusage used_{};
  bool status_known_ = true;
};

}  // namespace fanout::detail
