#pragma once

#include <fanout/async/event.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/outcome.hpp>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// What `process_pool::submit` returns.
namespace fanout {

namespace detail {

class pool_engine;

/// One call that a pool makes. Thread safety: all members may be called from any thread.
class pool_call {
 public:
  explicit pool_call(std::function<void(pool_call&)> cancel) : cancel_(std::move(cancel)) {}

  void end(outcome<std::string> result);  ///< once

  bool done() const noexcept { return done_.is_set(); }
  void wait();
  bool wait_for(std::chrono::nanoseconds limit);
  /// Returns when it has ended. Cancelling, or destroying, the coroutine cancels the call; see `process_future`.
  static task<void> async_wait(std::shared_ptr<pool_call> call);
  /// Tells the pool that nobody wants the result; it ends all the same.
  void cancel() noexcept;

  /// After the end: the encoded result. Throws the failure.
  const std::string& result() const;
  const outcome<std::string>& ended() const { return *result_; }

 private:
  const std::function<void(pool_call&)> cancel_;
  std::mutex mutex_;  ///< guards result_ until the end
  std::condition_variable changed_;
  std::optional<outcome<std::string>> result_;
  event done_;
};

}  // namespace detail

/// The result of one call in a worker process, which may be there already.
///
/// Dropping it does not end the call; `cancel` does. It may outlive its pool.
///
/// Thread safety: all members may be called from any thread.
template <class R>
class process_future {
 public:
  process_future(std::shared_ptr<detail::pool_call> call, R (*decode)(std::string_view))
      : call_(std::move(call)), decode_(decode) {}

  bool ready() const noexcept { return call_->done(); }
  /// False when the time is over first.
  bool wait_for(std::chrono::nanoseconds limit) const { return call_->wait_for(limit); }

  /// Blocks until the call has ended. Throws `fanout::error`: of the kind the function threw, or `task_failed` for any
  /// other exception of it; `timeout`, `worker_died`, `too_large`; `cancelled` when the call or its pool was ended; and
  /// `std::system_error` when no worker could be started.
  R get() const {
    call_->wait();
    return decode_(call_->result());
  }

  /// The same for a coroutine, on any executor. Cancelling the coroutine cancels the call, and the await ends when the
  /// worker is rid of it, with `operation_aborted`. Destroying the coroutine's loop cancels the call.
  task<R> async_get() const { return async_get_of(call_, decode_); }

  /// Ends the call: one that no worker has begun is dropped; else its worker is killed, unless it is at other tasks,
  /// too. `get` then throws `cancelled`, if the call had not ended before.
  void cancel() const noexcept { call_->cancel(); }

 private:
  static task<R> async_get_of(std::shared_ptr<detail::pool_call> call, R (*decode)(std::string_view)) {
    task<void> end = detail::pool_call::async_wait(call);
    co_await std::move(end);
    co_return decode(call->result());
  }

  std::shared_ptr<detail::pool_call> call_;
  R (*decode_)(std::string_view);
};

}  // namespace fanout
