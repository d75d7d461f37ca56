#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

/// Kills worker processes of this test program where it hurts: at a chosen system call of their parent, or at any age.
/// The test program has the calls concerned instead of the C library's; the workers, which are the same program, do not
/// count.
///
/// Thread safety: calls may be made by any thread. One object of a kind at a time.
namespace fanout::test {

enum class moment { before, after };  ///< of the call
enum class victim { youngest, oldest };

/// While this lives, a worker is dead, killed but not reaped, before the system call with that number is made or before
/// it returns. The calls counted are those by which workers are started, spoken to, waited for and reaped: posix_spawn,
/// send, recv, shutdown, setsockopt, epoll_wait, epoll_ctl, waitid, wait4 and waitpid; with the thread sanitizer
/// without send, recv and epoll.
class death_at_call {
 public:
  death_at_call(int number, moment when, victim who);
  death_at_call(const death_at_call&) = delete;
  death_at_call& operator=(const death_at_call&) = delete;
  ~death_at_call();

  /// How many such calls there were.
  int calls() const;
  /// Whether a worker was there to be killed.
  bool happened() const;
};

/// While this lives, the worker that is started after so many others is dead before `posix_spawn` returns, and so are
/// the two after it, among them the one that takes its place.
class death_at_start {
 public:
  explicit death_at_start(int number);
  death_at_start(const death_at_start&) = delete;
  death_at_start& operator=(const death_at_start&) = delete;
  ~death_at_start();

  /// How many were started.
  int starts() const;
};

/// While this lives, workers that are started are killed at an age which is drawn for each: an eighth of them before
/// posix_spawn returns.
class deaths_at_any_age {
 public:
  struct settings {
    unsigned seed = 1;
    double share = 0.5;  ///< of the workers
    std::chrono::microseconds oldest{20'000};
    int most = 1'000'000;
  };
  explicit deaths_at_any_age(const settings& how);
  deaths_at_any_age(const deaths_at_any_age&) = delete;
  deaths_at_any_age& operator=(const deaths_at_any_age&) = delete;
  ~deaths_at_any_age();

  int deaths() const;

  struct state;

 private:
  std::unique_ptr<state> state_;
};

/// \name For what stands in front of posix_spawn
/// @{
void before_a_call();
void after_a_call();
void note_started(int pid);
/// @}

}  // namespace fanout::test
