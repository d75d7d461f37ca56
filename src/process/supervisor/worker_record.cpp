#include "process/supervisor/worker_record.hpp"

#include <fmt/format.h>

#include <string.h>
#include <sys/wait.h>

#include <algorithm>
#include <cassert>

namespace fanout::detail {

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

bool may_become(worker_state from, worker_state to) noexcept {
  using enum worker_state;
  if (from == to) return true;
  switch (from) {
    case starting:
      return to == ready || to == leaving_unready;
    case ready:
      return to == starting || to == checked_out || to == leaving;
    case checked_out:
      return to == ready;
    case leaving_unready:
      return to == leaving || to == left;
    case leaving:
      return to == leaving_unready || to == left;
    case left:
      break;
  }
  return false;
}

void worker_record::become(worker_state next) noexcept {
  assert(may_become(state_, next));
  state_ = next;
}

// What a worker says may come in any state, as it may be hostile; so these two say nothing where nothing follows of it.
void worker_record::said_hello() {
  if (state_ == worker_state::starting) become(worker_state::ready);
  if (state_ == worker_state::leaving_unready) become(worker_state::leaving);
}

void worker_record::reported_startup_error() {
  if (state_ == worker_state::ready) become(worker_state::starting);
  if (state_ == worker_state::leaving) become(worker_state::leaving_unready);
}

void worker_record::told_to_leave() {
  become(ready() ? worker_state::leaving : worker_state::leaving_unready);
}

worker_record::clock::time_point worker_record::time_of(std::int64_t ns) const noexcept {
  return std::clamp(clock::time_point(std::chrono::nanoseconds(ns)), begun_, std::max(begun_, clock::now()));
}

}  // namespace fanout::detail
