#include <fanout/async/thread_executor.hpp>
#include <fanout/base/failure.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace fanout {
namespace {

thread_limits with_default(thread_limits limits) {
  if (limits.threads == 0) limits.threads = std::min<std::size_t>(32, std::thread::hardware_concurrency() + 4);
  return limits;
}

void end(std::shared_ptr<detail::thread_call> call, bool performed) {
  const auto told = std::move(call->on_end);
  call.reset();
  told->ended(performed);
}

}  // namespace

thread_executor::thread_executor(thread_limits limits) : limits_(with_default(limits)) {}

thread_executor::~thread_executor() {
  std::deque<std::shared_ptr<detail::thread_call>> dropped;
  std::vector<std::shared_ptr<detail::thread_call>> stopped;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    dropped.swap(queue_);
    stopped = under_way_;
  }
  changed_.notify_all();
  for (auto& call : dropped) end(std::move(call), false);
  for (const auto& call : stopped) call->stop.request_stop();  // runs callbacks of the calls, so not under the lock
  stopped.clear();
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id())
      thread.detach();  // a call ended the program: this thread is at it, and comes back no more
    else
      thread.join();
  }
}

thread_executor& thread_executor::shared() {
  static thread_executor only;
  return only;
}

thread_executor::snapshot thread_executor::statistics() const {
  const std::lock_guard lock(mutex_);
  return {threads_.size(), idle_, queue_.size()};
}

void thread_executor::submit(std::shared_ptr<detail::thread_call> call) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= idle_ && threads_.size() < limits_.threads) start_thread();
  if (queue_.size() >= idle_ && queue_.size() - idle_ >= limits_.queue)
    throw error(failure_kind::refused_by_policy,
                fmt::format("all {} threads are busy and {} calls wait for them, which is the limit", threads_.size(),
                            limits_.queue));
  queue_.push_back(std::move(call));
  changed_.notify_one();
}

/// With mutex_ held.
void thread_executor::start_thread() {
  try {
    threads_.emplace_back([this] { work(); });
    ++idle_;
  } catch (const std::system_error&) {
    if (threads_.empty()) throw;  // otherwise the threads there are will have to do
  }
}

void thread_executor::cancel(const std::shared_ptr<detail::thread_call>& call) {
  if (take_back(*call))
    end(call, false);
  else
    call->stop.request_stop();
}

bool thread_executor::take_back(const detail::thread_call& call) {
  const std::lock_guard lock(mutex_);
  const auto place = std::find_if(queue_.begin(), queue_.end(), [&](const auto& each) { return each.get() == &call; });
  if (place == queue_.end()) return false;
  queue_.erase(place);
  return true;
}

void thread_executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    --idle_;
    if (queue_.empty()) return;
    std::shared_ptr<detail::thread_call> call = std::move(queue_.front());
    queue_.pop_front();
    under_way_.push_back(call);
    lock.unlock();
    call->perform();
    lock.lock();
    std::erase(under_way_, call);
    ++idle_;  // before the end is told: who hears of it and makes the next call finds this thread free
    lock.unlock();
    end(std::move(call), true);
    lock.lock();
  }
}

}  // namespace fanout
