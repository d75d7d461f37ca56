#include <fanout/async/timeout.hpp>

#include <fmt/format.h>

namespace fanout::detail {

void single_child::on_end(child&, const std::exception_ptr& failed) {
  failed_ = failed;
}

timed_child::timed_child(asio::any_io_executor executor, std::chrono::steady_clock::time_point begun,
                         std::chrono::steady_clock::time_point deadline)
    : single_child(executor), begun_(begun), timer_(executor, deadline) {}

// The timer's handler refers to this object, which is gone soon after the child has ended. A timer that can still be
// cancelled calls it with an error, on which it does nothing; for one that cannot, because its time has come and the
// handler is queued, the parent waits.
void timed_child::on_started() {
  hold();
  armed_ = true;
  timer_.async_wait([this](boost::system::error_code failed) {
    if (!failed) expire();
  });
}

void timed_child::expire() {
  armed_ = false;
  if (ended_) return let_go();
  expired_ = !parent_cancelled();
  cancel_all();
  drop();
}

void timed_child::on_end(child& ended, const std::exception_ptr& failed) {
  single_child::on_end(ended, failed);
  ended_ = true;
  if (armed_ && timer_.cancel() > 0) disarm();
}

void timed_child::disarm() noexcept {
  if (std::exchange(armed_, false)) drop();
}

void timed_child::rethrow() const {
  if (!expired_ || !is_cancellation(failure())) std::rethrow_exception(failure());
  const std::chrono::duration<double, std::milli> allowed = timer_.expiry() - begun_;
  fanout::failure late{failure_kind::timeout, fmt::format("not done within {:.4g} ms", allowed.count())};
  late.elapsed = std::chrono::steady_clock::now() - begun_;
  throw error(std::move(late));
}

void shielded_child::rethrow() const {
  std::rethrow_exception(failure());
}

}  // namespace fanout::detail
