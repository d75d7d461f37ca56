#include <fanout/async/barrier.hpp>
#include <fanout/async/detail/observation.hpp>

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fanout {

class barrier::state final : public detail::waitable {
 public:
  explicit state(std::size_t parties) : parties_(parties) {
    if (parties == 0) throw std::invalid_argument("barrier: 0 parties; at least 1 is needed");
  }

  std::size_t parties() const noexcept { return parties_; }
  std::size_t waiting() const noexcept {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }
  bool broken() const noexcept {
    const std::lock_guard lock(mutex_);
    return broken_;
  }

  /// True: all are here, and `place` is the last one's. False: `last` waits for the others.
  bool meet_or_enlist(detail::coroutine_waiter& last, std::size_t& place) {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    if (broken_) throw broken_barrier();
    if (waiting_ + 1 < parties_) {
      last.place = &place;
      enlist(last, line_);
      ++waiting_;
      return false;
    }
    place = 0;
    for (; !line_.empty(); ++place) {
      *static_cast<std::size_t*>(line_.front().place) = place;
      settle(line_.front(), detail::wait_outcome::granted, resumed);
    }
    waiting_ = 0;
    return true;
  }

  /// Refuses all waits.
  void end_waits(bool broken) noexcept {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    broken_ = broken;
    waiting_ = 0;
    settle_all(line_, detail::wait_outcome::refused, resumed);
  }

 private:
  void left(detail::waiter&) noexcept override { --waiting_; }

  const std::size_t parties_;
  detail::wait_list line_;
  std::size_t waiting_ = 0;
  bool broken_ = false;
};

barrier::barrier(std::size_t parties) : state_(std::make_shared<state>(parties)) {}

barrier::~barrier() {
  state_->abandon();
}

task<std::size_t> barrier::arrive_and_wait() {
  return meet(state_);
}

void barrier::abort() noexcept {
  state_->end_waits(true);
}

void barrier::reset() noexcept {
  state_->end_waits(false);
}

std::size_t barrier::parties() const noexcept {
  return state_->parties();
}

std::size_t barrier::waiting() const noexcept {
  return state_->waiting();
}

bool barrier::broken() const noexcept {
  return state_->broken();
}

task<std::size_t> barrier::meet(std::shared_ptr<state> at) {
  auto executor = co_await asio::this_coro::executor;
  std::size_t place = 0;
  detail::coroutine_waiter me(*at, std::move(executor));
  if (at->meet_or_enlist(me, place)) co_return place;
  const detail::waiting_for mark("a barrier");
  auto all_here = me.wait();
  co_await std::move(all_here);
  if (!me.expect_granted()) throw broken_barrier();
  co_return place;
}

}  // namespace fanout
