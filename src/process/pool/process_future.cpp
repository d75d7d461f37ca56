#include <fanout/async/detail/observation.hpp>
#include <fanout/process/process_future.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <stdexcept>

namespace fanout::detail {
namespace {

/// Cancels a call that is not awaited to its end.
class cancel_on_exit {
 public:
  explicit cancel_on_exit(pool_call& call) : call_(call) {}
  cancel_on_exit(const cancel_on_exit&) = delete;
  cancel_on_exit& operator=(const cancel_on_exit&) = delete;
  ~cancel_on_exit() {
    if (!call_.done()) call_.cancel();
  }

 private:
  pool_call& call_;
};

/// Whether the call has ended; false when the coroutine was cancelled first.
task<bool> wait_or_be_cancelled(event& done) {
  try {
    auto wait = done.wait();
    co_await std::move(wait);
  } catch (const boost::system::system_error& aborted) {
    if (aborted.code() != asio::error::operation_aborted) throw;
    co_return false;
  }
  co_return true;
}

}  // namespace

void pool_call::end(outcome<std::string> result) {
  decltype(told_) told;
  decltype(callbacks_) callbacks;
  {
    const std::lock_guard lock(mutex_);
    if (result_) return;
    result_ = std::move(result);
    told.swap(told_);
    callbacks.swap(callbacks_);
  }
  changed_.notify_all();
  done_.set();
  for (const auto& [ends, index] : told) ends->ended(index);
  for (const auto& each : callbacks) each();
}

void pool_call::when_done(std::function<void()> callback) {
  require_own_process();
  {
    const std::lock_guard lock(mutex_);
    if (!result_) return void(callbacks_.push_back(std::move(callback)));
  }
  done_.set();  // as in `tell`
  callback();
}

void pool_call::require_own_process() const {
  if (fork_generation() != generation_)
    throw std::logic_error("this call belongs to the process that made it, and this one is a fork of that");
}

void pool_call::tell(std::shared_ptr<call_ends> ends, std::size_t index) {
  require_own_process();
  {
    const std::lock_guard lock(mutex_);
    if (!result_) return void(told_.emplace_back(std::move(ends), index));
  }
  // First `done_`, then the callback: a callback that asks finds the future done.
  done_.set();
  ends->ended(index);
}

void pool_call::forget(const call_ends& ends) noexcept {
  if (fork_generation() != generation_) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(told_, [&](const auto& each) { return each.first.get() == &ends; });
}

void pool_call::wait() {
  require_own_process();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
}

bool pool_call::wait_until(std::chrono::steady_clock::time_point deadline) {
  require_own_process();
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return result_.has_value(); });
}

task<void> pool_call::async_wait(std::shared_ptr<pool_call> call) {
  call->require_own_process();
  const cancel_on_exit guard(*call);
  const waiting_for mark("a worker process");
  auto wait = wait_or_be_cancelled(call->done_);
  const bool ended = co_await std::move(wait);
  if (ended) co_return;
  call->cancel();
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  auto rest = call->done_.wait();
  co_await std::move(rest);
  throw boost::system::system_error(asio::error::operation_aborted);
}

void pool_call::cancel() noexcept {
  if (fork_generation() != generation_) return;
  cancel_(*this);
}

const std::string& pool_call::result() const {
  if (!result_->ok()) throw_failure(result_->error());
  return result_->value();
}

// call_ends ----------------------------------------------------------------------------------------------------------

void call_ends::ended(std::size_t index) noexcept {
  {
    const std::lock_guard lock(mutex_);
    ended_.push_back(index);  // there is room for all
  }
  changed_.notify_one();
}

std::size_t call_ends::next() {
  return *next_until(std::chrono::steady_clock::time_point::max());
}

std::optional<std::size_t> call_ends::next_until(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_until(lock, deadline, [this] { return taken_ < ended_.size(); })) return std::nullopt;
  return ended_[taken_++];
}

watched_calls::watched_calls(std::vector<std::shared_ptr<pool_call>> calls)
    : calls_(std::move(calls)), ends_(std::make_shared<call_ends>(calls_.size())) {
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    if (!calls_[i]) continue;
    calls_[i]->tell(ends_, i);
    ++count_;
  }
}

watched_calls::~watched_calls() {
  for (const auto& each : calls_)
    if (each) each->forget(*ends_);
}

void throw_no_call() {
  throw std::logic_error("a process_future without a call: it was made by default, or moved from");
}

void throw_nothing_to_wait_for() {
  throw std::invalid_argument("none of the futures has a call, so none would ever be ready");
}

}  // namespace fanout::detail
