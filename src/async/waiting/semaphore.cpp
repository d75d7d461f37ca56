#include <fanout/async/semaphore.hpp>

namespace fanout::detail {

bool permits::try_take() noexcept {
  const std::lock_guard lock(mutex_);
  if (available_ == 0) return false;
  --available_;
  return true;
}

bool permits::take_or_enlist(coroutine_waiter& last) {
  const std::lock_guard lock(mutex_);
  if (available_ == 0) {
    enlist(last, line_);
    return false;
  }
  --available_;
  return true;
}

void permits::give(std::size_t count) noexcept {
  woken resumed;
  const std::lock_guard lock(mutex_);
  hand_out(count, resumed);
}

std::size_t permits::available() const noexcept {
  const std::lock_guard lock(mutex_);
  return available_;
}

bool permits::take_back(waiter&, woken& resumed) noexcept {
  hand_out(1, resumed);
  return true;
}

void permits::hand_out(std::size_t count, woken& resumed) noexcept {
  for (; count > 0 && !line_.empty(); --count) settle(line_.front(), wait_outcome::granted, resumed);
  available_ += count;
}

}  // namespace fanout::detail
