#pragma once

#include "process/channel/progress_page.hpp"
#include "process/supervisor/task_ledger.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace fanout::detail {

/// How a worker process ended.
struct worker_end {
  int status = 0;  ///< as wait4(2) gives it
  rusage used{};
  bool known = true;  ///< false where something else in this program reaped it: SIGCHLD ignored, wait(2) for any child
  bool by_signal() const noexcept;
  int signal() const noexcept;  ///< 0 if it exited
  std::string text() const;     ///< "was killed by SIGKILL (9)", "exited with status 3"
};

/// What a worker and its supervisor have agreed on. Allowed, besides each with itself:
///
///     from             to               when
///     starting         ready            it said hello
///     ready            starting         it reported a start-up error
///     ready            checked_out      its channel went to a caller
///     checked_out      ready            and came back
///     starting         leaving_unready  the supervisor ends its input
///     ready            leaving
///     leaving_unready  leaving          it said hello
///     leaving          leaving_unready  it reported a start-up error
///     leaving_unready  left             it said goodbye
///     leaving          left
///
/// A worker may die in any of them: that is `process_state`.
enum class worker_state : std::uint8_t { starting, ready, checked_out, leaving_unready, leaving, left };
bool may_become(worker_state from, worker_state to) noexcept;

/// How far its process has come; it only goes on.
enum class process_state : std::uint8_t { running, hung_up, exited, reaped };

/// Which tasks a worker gets.
enum class task_share : std::uint8_t {
  open,      ///< any
  reserved,  ///< nothing more, until it is idle and gets one that may have killed another worker
  alone      ///< it is at one of those
};

/// What a supervisor knows of one worker: its state, its tasks, and what it writes to the page that they share. It has
/// no process and no connection, so that the rules for workers can be tested without any.
///
/// Thread safety: none.
class worker_record {
 public:
  using clock = std::chrono::steady_clock;

  /// Throws `std::system_error` when there is no memory to share.
  worker_record(std::uint32_t number, std::uint32_t lanes) : number_(number), page_(progress_page::create(lanes)) {}

  std::uint32_t number() const noexcept { return number_; }
  const progress_page& page() const noexcept { return page_; }

  worker_state state() const noexcept { return state_; }
  bool ready() const noexcept { return state_ != worker_state::starting && state_ != worker_state::leaving_unready; }
  bool checked_out() const noexcept { return state_ == worker_state::checked_out; }
  /// Whether the supervisor has ended its input.
  bool leaving() const noexcept { return state_ >= worker_state::leaving_unready; }
  /// \name What changes the state
  /// @{
  void said_hello();
  void reported_startup_error();
  void told_to_leave();
  void said_goodbye() { become(worker_state::left); }
  void went_to_caller() { become(worker_state::checked_out); }
  void came_back() { become(worker_state::ready); }
  /// @}

  process_state process() const noexcept { return process_; }
  /// Goes on to `state`, or stays where it is further.
  void process_is(process_state state) noexcept { process_ = std::max(process_, state); }
  void was_killed() noexcept { killed_ = true; }
  /// Whether its supervisor killed it.
  bool killed() const noexcept { return killed_; }
  /// Whether it has ended, has closed its connection, or was killed: nothing may be handed to it any more.
  bool doomed() const noexcept { return process_ != process_state::running || killed_; }
  /// Whether what it sent made no sense.
  bool corrupt() const noexcept { return !protocol_error.empty(); }

  /// How many tasks it has started; exact once it has ended. All that were handed over, where it wrote there what
  /// cannot be: so none of them is started again.
  std::uint64_t started() const noexcept {
    const std::uint64_t oldest = tasks.front_ordinal();
    const std::uint64_t told = page_.started(oldest);
    return told < oldest || told > tasks.end_ordinal() ? tasks.end_ordinal() : told;
  }
  /// A time on the steady clock that the worker sent, kept within its life: a worker that went wrong may send any
  /// number.
  clock::time_point time_of(std::int64_t ns) const noexcept;
  /// Whether the task is among those for whose time limit it was killed.
  bool overdue(std::uint64_t ordinal) const noexcept {
    return overdue_tasks && ordinal >= overdue_tasks->from && ordinal < overdue_tasks->to;
  }

  task_ledger tasks;
  task_share share = task_share::open;
  bool listens = false;                ///< reads what is sent to it while it is at tasks: the last ones said so
  bool recall_pending = false;         ///< it was asked to give tasks back, and has not answered
  bool closed_its_connection = false;  ///< and went on, so that it had to be killed
  std::string protocol_error;          ///< about what it sent; empty while that made sense

  /// The unfinished ones of these ordinals, from the first up to before the last, are over their limit, and it was
  /// killed for that.
  struct ordinal_range {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  std::optional<ordinal_range> overdue_tasks;
  /// What was seen of its oldest task when deadlines were last checked.
  struct front_age {
    std::uint64_t ordinal = 0;
    std::uint64_t started = 0;        ///< tasks it had started then, or longer ago than their limit by now
    std::chrono::nanoseconds age{0};  ///< for how long that has been the oldest
  };
  front_age front;

 protected:
  void become(worker_state next) noexcept;

  std::uint32_t number_;
  progress_page page_;

 private:
  clock::time_point begun_ = clock::now();
  worker_state state_ = worker_state::starting;
  process_state process_ = process_state::running;
  bool killed_ = false;
};

}  // namespace fanout::detail
