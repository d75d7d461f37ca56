#pragma once

#include <fanout/async/event.hpp>
#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/base/task.hpp>
#include <fanout/core/outcome.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What `process_pool::submit` returns.
namespace fanout {

namespace detail {

class pool_engine;
class call_ends;
struct calls_of;

/// One call that a pool makes. Thread safety: all members may be called from any thread.
class pool_call {
 public:
  explicit pool_call(std::function<void(pool_call&)> cancel) : cancel_(std::move(cancel)) {}

  void end(outcome<std::string> result);  ///< once

  /// Tells `ends` of the end as of number `index`, at once if it has ended.
  void tell(std::shared_ptr<call_ends> ends, std::size_t index);
  void forget(const call_ends& ends) noexcept;
  /// Calls `callback` at the end, on the thread that ends it; at once, here, if it has ended.
  void when_done(std::function<void()> callback);

  bool done() const noexcept { return done_.is_set(); }
  void wait();
  bool wait_until(std::chrono::steady_clock::time_point deadline);
  /// Returns when it has ended. Cancelling, or destroying, the coroutine cancels the call; see `process_future`.
  static task<void> async_wait(std::shared_ptr<pool_call> call);
  /// Tells the pool that nobody wants the result; it ends all the same.
  void cancel() noexcept;

  /// After the end: the encoded result. Throws the failure.
  const std::string& result() const;
  const outcome<std::string>& ended() const { return *result_; }

 private:
  void require_own_process() const;

  const std::function<void(pool_call&)> cancel_;
  const std::uint64_t generation_ = fork_generation();
  std::mutex mutex_;  ///< guards result_ until the end, told_ and callbacks_
  std::condition_variable changed_;
  std::optional<outcome<std::string>> result_;
  std::vector<std::pair<std::shared_ptr<call_ends>, std::size_t>> told_;
  std::vector<std::function<void()>> callbacks_;  ///< until the end
  event done_;
};

/// Calls in the order in which they end, by number. Thread safety: `ended` may be called from any thread, the rest from
/// one. Destroying a `watched_calls` takes back what it asked of each.
class call_ends {
 public:
  explicit call_ends(std::size_t most) { ended_.reserve(most); }

  void ended(std::size_t index) noexcept;
  std::size_t next();
  std::optional<std::size_t> next_until(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;  ///< guards ended_
  std::condition_variable changed_;
  std::vector<std::size_t> ended_;
  std::size_t taken_ = 0;  ///< of ended_
};

class watched_calls {
 public:
  /// Those that are null never end.
  explicit watched_calls(std::vector<std::shared_ptr<pool_call>> calls);
  watched_calls(watched_calls&&) noexcept = default;
  watched_calls& operator=(watched_calls&&) = delete;
  ~watched_calls();

  std::size_t next() { return ends_->next(); }
  std::optional<std::size_t> next_until(std::chrono::steady_clock::time_point deadline) {
    return ends_->next_until(deadline);
  }
  std::size_t size() const noexcept { return count_; }  ///< that end

 private:
  std::vector<std::shared_ptr<pool_call>> calls_;
  std::shared_ptr<call_ends> ends_;
  std::size_t count_ = 0;
};

[[noreturn]] void throw_no_call();
[[noreturn]] void throw_nothing_to_wait_for();

}  // namespace detail

/// The result of one call in a worker process, which may be there already.
///
/// Dropping it does not end the call; `cancel` does. It may outlive its pool. Copies are of the same call. One that was
/// made by default has no call: it is never ready, and what needs a call throws `std::logic_error`.
///
/// In a fork of the process, what waits throws `std::logic_error`: the pool is not there.
///
/// Thread safety: all members may be called from any thread.
template <class R>
class [[nodiscard]] process_future {
 public:
  process_future() = default;
  process_future(std::shared_ptr<detail::pool_call> call, R (*decode)(std::string_view))
      : call_(std::move(call)), decode_(decode) {}

  bool valid() const noexcept { return call_ != nullptr; }
  bool ready() const noexcept { return call_ && call_->done(); }
  /// False when the time is over first.
  bool wait_for(any_duration<std::chrono::nanoseconds> limit) const {
    return call().wait_until(detail::after(std::chrono::steady_clock::now(), limit));
  }

  /// Blocks until the call has ended. Throws `fanout::error`: of the kind the function threw, or `task_failed` for any
  /// other exception of it; `timeout`, `worker_died`, `too_large`; `cancelled` when the call or its pool was ended; and
  /// `cannot_start` when no worker process could be started.
  R get() const {
    call().wait();
    return decode_(call_->result());
  }

  /// The same for a coroutine, on any executor. Cancelling the coroutine cancels the call, and the await ends when the
  /// worker is rid of it, with `operation_aborted`. Destroying the coroutine's loop cancels the call.
  task<R> async_get() const {
    call();
    return async_get_of(call_, decode_);
  }

  /// Calls `callback` once, when the call has ended and `get` does not wait: on the pool's thread, which nothing may
  /// keep waiting, or at once on this one if it has ended before. Must not throw, and must not close the pool. Several
  /// are called in the order in which they were given. A call that the pool's destruction ends has ended, too.
  ///
  ///     future.when_done([future, &loop] { loop.post([future] { use(future.get()); }); });
  void when_done(std::function<void()> callback) const { call().when_done(std::move(callback)); }

  /// Ends the call: one that no worker has begun is dropped; else its worker is killed, unless it is at other tasks,
  /// too. `get` then throws `cancelled`, if the call had not ended before.
  void cancel() const noexcept {
    if (call_) call_->cancel();
  }

 private:
  friend struct detail::calls_of;

  detail::pool_call& call() const {
    if (!call_) detail::throw_no_call();
    return *call_;
  }
  static task<R> async_get_of(std::shared_ptr<detail::pool_call> call, R (*decode)(std::string_view)) {
    task<void> end = detail::pool_call::async_wait(call);
    co_await std::move(end);
    co_return decode(call->result());
  }

  std::shared_ptr<detail::pool_call> call_;
  R (*decode_)(std::string_view) = nullptr;
};

namespace detail {

struct calls_of {
  template <std::ranges::input_range Futures>
  static watched_calls watch(const Futures& futures) {
    std::vector<std::shared_ptr<pool_call>> calls;
    if constexpr (std::ranges::sized_range<const Futures>) calls.reserve(std::ranges::size(futures));
    for (const auto& each : futures) calls.push_back(each.call_);
    return watched_calls(std::move(calls));
  }
};

template <class T>
inline constexpr bool is_process_future = false;
template <class R>
inline constexpr bool is_process_future<process_future<R>> = true;

template <class Range>
concept process_futures =
    std::ranges::input_range<const Range> && is_process_future<std::ranges::range_value_t<const Range>>;

}  // namespace detail

/// Blocks until one of `futures` is ready, and returns its place; of several that are, the first. They may be of any
/// pools, and other threads may wait for the same ones. Throws `std::invalid_argument` where none is valid.
///
///     while (!futures.empty()) {
///       const auto at = futures.begin() + fanout::wait_any(futures);
///       use(at->get());
///       futures.erase(at);
///     }
///
/// To wait for each of many in turn, `as_completed` does less work.
template <detail::process_futures Futures>
std::ptrdiff_t wait_any(const Futures& futures) {
  detail::watched_calls calls = detail::calls_of::watch(futures);
  if (calls.size() == 0) detail::throw_nothing_to_wait_for();
  return static_cast<std::ptrdiff_t>(calls.next());
}

/// The same for no longer than `limit`; nothing when that is over first.
template <detail::process_futures Futures>
std::optional<std::ptrdiff_t> wait_any_for(const Futures& futures, any_duration<std::chrono::nanoseconds> limit) {
  const auto deadline = detail::after(std::chrono::steady_clock::now(), limit);
  detail::watched_calls calls = detail::calls_of::watch(futures);
  if (calls.size() == 0) detail::throw_nothing_to_wait_for();
  const auto first = calls.next_until(deadline);
  if (!first) return std::nullopt;
  return static_cast<std::ptrdiff_t>(*first);
}

/// What `as_completed` hands out: a future that is ready, and its place among those it was given.
template <class R>
struct completed_future {
  std::size_t index = 0;
  process_future<R> future;
};

/// Futures in the order in which their calls end: a range for one pass, by one thread. See `as_completed`.
template <class R>
class completed_futures {
 public:
  explicit completed_futures(std::vector<process_future<R>> futures)
      : futures_(std::move(futures)), calls_(detail::calls_of::watch(futures_)), left_(calls_.size()) {}

  class iterator {
   public:
    using value_type = completed_future<R>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    explicit iterator(completed_futures& of) : of_(&of) { ++*this; }
    const value_type& operator*() const { return current_; }
    const value_type* operator->() const { return &current_; }
    iterator& operator++() {
      if (of_->left_ == 0) {
        of_ = nullptr;
        return *this;
      }
      --of_->left_;
      const std::size_t index = of_->calls_.next();
      current_ = {index, of_->futures_[index]};
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) { return at.of_ == nullptr; }

   private:
    completed_futures* of_ = nullptr;
    value_type current_;
  };

  /// Blocks until the first is ready; the increment of the iterator until the next one is.
  iterator begin() { return iterator(*this); }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  std::vector<process_future<R>> futures_;
  detail::watched_calls calls_;
  std::size_t left_;
};

/// Futures in the order in which their calls end, for a thread that may block. Those that are ready already come first;
/// those that are not valid never come. Leaving the loop early ends no call.
///
///     for (const auto& [index, future] : fanout::as_completed(futures)) use(inputs[index], future.get());
///
/// Coroutines await the tasks of `async_get` instead, with the `as_completed` of async/as_completed.hpp.
template <class R>
completed_futures<R> as_completed(std::vector<process_future<R>> futures) {
  return completed_futures<R>(std::move(futures));
}

}  // namespace fanout
