#include <fanout/async/observation.hpp>
#include <fanout/process/process_future.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

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
  {
    const std::lock_guard lock(mutex_);
    if (result_) return;
    result_ = std::move(result);
  }
  changed_.notify_all();
  done_.set();
}

void pool_call::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return result_.has_value(); });
}

bool pool_call::wait_for(std::chrono::nanoseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [this] { return result_.has_value(); });
}

task<void> pool_call::async_wait(std::shared_ptr<pool_call> call) {
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
  cancel_(*this);
}

const std::string& pool_call::result() const {
  if (!result_->ok()) outcome<std::string>::throw_failure(result_->error());
  return result_->value();
}

}  // namespace fanout::detail
