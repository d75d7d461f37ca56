#include <fanout/async/thread_executor.hpp>
#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/base/failure.hpp>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace fanout {

namespace detail {
namespace {

/// The call that a thread makes.
struct made_call {
  const thread_executor* home = nullptr;  ///< null while it makes none
  const thread_call* call = nullptr;
  std::shared_ptr<call_frame> frame = nullptr;  ///< made when it is first needed
};
thread_local made_call current;

}  // namespace

call_frame* call_frame::of(const thread_executor& home, const std::shared_ptr<call_frame>& innermost) noexcept {
  call_frame* each = innermost.get();
  while (each && &each->home_ != &home) each = each->outer_.get();
  return each;
}

}  // namespace detail

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
  if (detail::fork_generation() != generation_) {
    // Its threads are not in this process, where they can neither be joined nor detached; and in the copy of the
    // condition they still wait, so its destruction would wait for them. New ones take their places.
    for (std::thread& thread : threads_) std::construct_at(&thread);
    std::construct_at(&changed_);
    return;
  }
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
      thread.detach();  // a call on this thread ends the program, and does not return
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
  return {threads_.size(), idle_, waiting_, queue_.size()};
}

void thread_executor::submit(std::shared_ptr<detail::thread_call> call) {
  if (detail::fork_generation() != generation_)
    throw std::logic_error(
        "the threads of this executor belong to the process that made it, and this one is a fork of that: make an "
        "executor here");
  auto& here = detail::current;
  if (here.home && !here.frame) here.frame = std::make_shared<detail::call_frame>(*here.home, here.call->outer);
  call->outer = here.frame;
  const std::lock_guard lock(mutex_);
  if (closing_) throw boost::system::system_error(boost::asio::error::operation_aborted);
  began_inner(detail::call_frame::of(*this, call->outer));
  try {
    if (queue_.size() >= idle_ && threads_.size() < most_under_way()) start_thread();
    if (queue_.size() >= free_threads() && queue_.size() - free_threads() >= limits_.queue)
      throw error(failure_kind::refused_by_policy,
                  fmt::format("all {} threads are busy and {} calls wait for them, which is the limit", threads_.size(),
                              limits_.queue));
    queue_.push_back(call);
  } catch (...) {
    ended_inner(*call);
    throw;
  }
  changed_.notify_one();
}

/// With mutex_ held, as all below.
void thread_executor::start_thread() {
  try {
    threads_.emplace_back([this] { work(); });
    ++idle_;
  } catch (const std::system_error&) {
    if (threads_.size() == waiting_) throw;  // otherwise the threads there are will have to do
  }
}

/// How many calls more could begin at once.
std::size_t thread_executor::free_threads() const noexcept {
  const std::size_t under_way = under_way_.size();
  return under_way < most_under_way() ? std::min(idle_, most_under_way() - under_way) : 0;
}

void thread_executor::began_inner(detail::call_frame* outer) noexcept {
  if (outer && !outer->over_ && outer->inner_++ == 0) ++waiting_;
}

void thread_executor::ended_inner(detail::thread_call& inner) noexcept {
  detail::call_frame* const outer = detail::call_frame::of(*this, inner.outer);
  if (outer && !outer->over_ && --outer->inner_ == 0) --waiting_;
}

/// No call waits any more for the inner calls that outlive this one.
void thread_executor::ended_frame(detail::call_frame& frame) noexcept {
  frame.over_ = true;
  if (frame.inner_ > 0) --waiting_;
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
  ended_inner(**place);
  queue_.erase(place);
  return true;
}

void thread_executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return closing_ || (!queue_.empty() && under_way_.size() < most_under_way()); });
    --idle_;
    if (queue_.empty()) return;
    std::shared_ptr<detail::thread_call> call = std::move(queue_.front());
    queue_.pop_front();
    under_way_.push_back(call);
    lock.unlock();
    detail::current.home = this;
    detail::current.call = call.get();
    call->perform();
    const auto frame = std::exchange(detail::current.frame, nullptr);
    detail::current.home = nullptr;
    lock.lock();
    if (frame) ended_frame(*frame);
    ended_inner(*call);
    std::erase(under_way_, call);
    ++idle_;  // before the listener is called: it may make the next call, and finds this thread free
    lock.unlock();
    end(std::move(call), true);
    lock.lock();
  }
}

}  // namespace fanout
