#include <fanout/core/detail/outcome_queue.hpp>

#include <algorithm>
#include <utility>

namespace fanout::detail {

outcome_queue::outcome_queue(const options& how) : how_(how), most_(std::max<std::size_t>(64, how.shape.tasks)) {
  // The run listens to one token: ours, which the caller's requests as well.
  on_stop_.emplace(how.stop, [this] { stopped_.request_stop(); });
  how_.stop = stopped_.get_token();
}

outcome_queue::~outcome_queue() = default;

void outcome_queue::start() {
  thread_ = std::thread([this] {
    std::optional<fanout::report> cost;
    std::exception_ptr failed;
    try {
      cost = perform(how_);
    } catch (...) {
      failed = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    report_ = std::move(cost);
    failure_ = failed;
    ended_ = true;
    changed_.notify_all();
  });
}

void outcome_queue::stop() noexcept {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  stopped_.request_stop();
  thread_.join();
}

bool outcome_queue::wait_for_room(std::unique_lock<std::mutex>& lock, std::size_t held) {
  held_ = held;
  changed_.wait(lock, [this] { return held_ < most_ || closed_; });
  return !closed_;
}

void outcome_queue::added() {
  if (held_++ == 0) changed_.notify_all();
}

void outcome_queue::wait_for_value(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return held_ > 0 || ended_; });
}

// Half of the room has to be free first: the run is woken once for many outcomes.
void outcome_queue::took(std::size_t left) {
  held_ = left;
  if (left == most_ / 2) changed_.notify_all();
}

void outcome_queue::rethrow_failure() {
  std::exception_ptr failed;
  {
    const std::lock_guard lock(mutex_);
    failed = std::exchange(failure_, nullptr);
    shown_ = report_;
  }
  if (failed) std::rethrow_exception(failed);
}

}  // namespace fanout::detail
