#include <fanout/async/detail/observation.hpp>
#include <fanout/async/event.hpp>

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fanout {

class event::state final : public detail::waitable {
 public:
  void set() noexcept {
    detail::woken resumed;
    const std::lock_guard lock(mutex_);
    set_ = true;
    settle_all(line_, detail::wait_outcome::granted, resumed);
  }
  void clear() noexcept {
    const std::lock_guard lock(mutex_);
    set_ = false;
  }
  bool is_set() const noexcept {
    const std::lock_guard lock(mutex_);
    return set_;
  }
  bool set_or_enlist(detail::coroutine_waiter& last) {
    const std::lock_guard lock(mutex_);
    if (!set_) enlist(last, line_);
    return set_;
  }

 private:
  detail::wait_list line_;
  bool set_ = false;
};

event::event() : state_(std::make_shared<state>()) {}

event::~event() {
  state_->abandon();
}

void event::set() noexcept {
  state_->set();
}

void event::clear() noexcept {
  state_->clear();
}

bool event::is_set() const noexcept {
  return state_->is_set();
}

task<void> event::wait() {
  return wait_for(state_);
}

task<void> event::wait_for(std::shared_ptr<state> awaited) {
  auto executor = co_await asio::this_coro::executor;
  detail::coroutine_waiter me(*awaited, std::move(executor));
  if (awaited->set_or_enlist(me)) co_return;
  const detail::waiting_for mark("an event");
  auto happened = me.wait();
  co_await std::move(happened);
  me.expect_granted();
}

}  // namespace fanout
