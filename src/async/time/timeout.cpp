#include <fanout/async/timeout.hpp>

#include <fmt/format.h>

namespace fanout::detail {

void single_child::on_end(child&, const std::exception_ptr& failed) {
  failed_ = failed;
}

timed_child::timed_child(asio::any_io_executor executor, std::chrono::steady_clock::time_point begun,
                         std::chrono::steady_clock::time_point deadline)
    : single_child(std::move(executor)), begun_(begun), deadline_(deadline) {}

// The timer is this object, which is gone soon after the child has ended. For one that cannot be stopped, because its
// time has come and its turn is queued, the parent waits.
void timed_child::on_started() {
  if (ended_) return;
  hold();
  armed_ = true;
  set(executor(), deadline_);
}

// Of two nested time limits that have both passed, the inner one is cancelled by the outer one before it fires.
bool timed_child::fire() {
  fired();
  armed_ = false;
  if (ended_) {
    let_go();
    return true;
  }
  expired_ = !parent_cancelled();
  cancel_all();
  drop();
  return false;
}

void timed_child::on_end(child& ended, const std::exception_ptr& failed) {
  single_child::on_end(ended, failed);
  ended_ = true;
  if (armed_ && stop()) disarm();
}

void timed_child::disarm() noexcept {
  if (std::exchange(armed_, false)) drop();
}

void timed_child::rethrow() const {
  if (!expired_ || !is_cancellation(failure())) std::rethrow_exception(failure());
  const std::chrono::duration<double, std::milli> allowed = time_between(begun_, deadline_);
  fanout::failure late{failure_kind::timeout, fmt::format("not done within {:.4g} ms", allowed.count())};
  late.elapsed = std::chrono::steady_clock::now() - begun_;
  throw error(std::move(late));
}

void shielded_child::rethrow() const {
  std::rethrow_exception(failure());
}

}  // namespace fanout::detail
