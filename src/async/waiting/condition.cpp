#include <fanout/async/condition.hpp>
#include <fanout/async/detail/observation.hpp>

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>

namespace fanout {

class condition::state final : public detail::waitable {
 public:
  void notify(std::size_t count) noexcept {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    notify(count, resumed);
  }
  void enlist_last(detail::coroutine_waiter& last) {
    const std::lock_guard lock(mutex_);
    enlist(last, line_);
  }

 private:
  bool take_back(detail::waiter&, detail::woken& resumed) noexcept override {
    notify(1, resumed);
    return true;
  }
  void notify(std::size_t count, detail::woken& resumed) noexcept {
    for (; count > 0 && !line_.empty(); --count) settle(line_.front(), detail::wait_outcome::granted, resumed);
  }

  detail::wait_list line_;
};

condition::condition() : state_(std::make_shared<state>()) {}

condition::~condition() {
  state_->abandon();
}

void condition::notify(std::size_t count) noexcept {
  state_->notify(count);
}

task<void> condition::wait(mutex::scoped_lock& lock) {
  return wait_once(state_, lock);
}

// In line before the lock is given up, so that no notification falls between the two.
task<void> condition::wait_once(std::shared_ptr<state> awaited, mutex::scoped_lock& lock) {
  if (!lock.owns_lock()) throw std::logic_error("condition::wait: the lock is not held");
  auto executor = co_await asio::this_coro::executor;
  detail::coroutine_waiter me(*awaited, std::move(executor));
  awaited->enlist_last(me);
  std::shared_ptr<detail::permits> unlocked = lock.held_.detach();
  unlocked->give(1);
  const detail::waiting_for mark("a condition");
  auto notified = me.wait();
  co_await std::move(notified);
  const detail::wait_outcome outcome = me.finish();
  auto locked = lock_again(std::move(unlocked), lock);
  const bool throws = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);  // the coroutine may be cancelled, and has to lock all the same
  co_await std::move(locked);
  co_await asio::this_coro::throw_if_cancelled(throws);
  if (!lock.owns_lock() || outcome == detail::wait_outcome::aborted)
    throw boost::system::system_error(asio::error::operation_aborted);
}

task<void> condition::lock_again(std::shared_ptr<detail::permits> from, mutex::scoped_lock& lock) {
  auto executor = co_await asio::this_coro::executor;
  detail::coroutine_waiter me(*from, std::move(executor));
  if (!from->take_or_enlist(me)) {
    auto granted = me.wait_uncancelled();
    co_await std::move(granted);
    if (me.finish() != detail::wait_outcome::granted) co_return;  // the mutex is gone
  }
  lock.held_ = detail::held_permit(std::move(from));
}

}  // namespace fanout
