#include <fanout/async/detail/observation.hpp>
#include <fanout/async/to_thread.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <condition_variable>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

// A call ends on a thread of its own, and its loop may be destroyed at that very moment. So each loop knows the calls
// its coroutines wait for. A call that ends posts to its loop under the mutex of that list; a loop that is destroyed
// empties the list first, under the same mutex, and waits for the calls that were begun: their arguments may refer to
// the frames that it is about to destroy. (Asio's own resolver waits for `getaddrinfo` in the same place.)
namespace fanout::detail {
namespace {

class waiting_coroutine;

/// The calls that the coroutines of one loop wait for.
class waiting_list {
 public:
  using place = std::list<std::shared_ptr<waiting_coroutine>>::iterator;
  std::mutex mutex;
  std::condition_variable changed;
  std::list<std::shared_ptr<waiting_coroutine>> all;
  bool closed = false;
};

class loop_calls final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;  // NOLINT(readability-identifier-naming): Asio's name for it
  explicit loop_calls(asio::execution_context& context) : service(context), list(std::make_shared<waiting_list>()) {}
  const std::shared_ptr<waiting_list> list;

 private:
  void shutdown() override;
};

asio::execution_context::id loop_calls::id;

/// What resumes a coroutine when its call has ended.
class waiting_coroutine final : public thread_call::listener, public std::enable_shared_from_this<waiting_coroutine> {
 public:
  waiting_coroutine(thread_executor& threads, std::shared_ptr<thread_call> call, const asio::any_io_executor& executor)
      : threads_(threads),
        call_(std::move(call)),
        executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
        list_(asio::use_service<loop_calls>(asio::query(executor, asio::execution::context)).list) {}

  /// `resume` is called on the executor, or destroyed with the loop. Throws nothing: Asio would not hand it to the
  /// coroutine.
  void start(std::function<void(std::exception_ptr)> resume) {
    {
      const std::lock_guard lock(list_->mutex);
      resume_ = std::move(resume);
      place_ = list_->all.insert(list_->all.end(), shared_from_this());
    }
    call_->on_end = shared_from_this();
    try {
      threads_.submit(call_);
    } catch (...) {
      call_->on_end.reset();
      resume_with(std::current_exception());
    }
  }

  void cancel() {
    std::shared_ptr<thread_call> call;
    {
      const std::lock_guard lock(list_->mutex);
      call = call_;
    }
    if (call) threads_.cancel(call);
  }

  void ended(bool performed) override {
    resume_with(performed ? nullptr
                          : std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted)));
  }

  void wait_until_ended() {
    std::unique_lock lock(list_->mutex);
    list_->changed.wait(lock, [this] { return ended_; });
  }
  void forget() noexcept { resume_ = nullptr; }

 private:
  void resume_with(std::exception_ptr failed) {
    const std::lock_guard lock(list_->mutex);
    ended_ = true;
    call_.reset();  // its value must not outlive the loop
    if (list_->closed) {
      executor_ = {};  // while the loop waits: this object may outlive it on the thread of the call
      return list_->changed.notify_all();
    }
    list_->all.erase(place_);
    const auto executor = executor_;
    // The work that keeps the loop running goes along, and ends there.
    asio::post(executor, [resume = std::exchange(resume_, nullptr), work = std::exchange(executor_, {}),
                          failed = std::move(failed)] { resume(failed); });
  }

  thread_executor& threads_;
  std::shared_ptr<thread_call> call_;
  asio::any_io_executor executor_;
  std::shared_ptr<waiting_list> list_;
  waiting_list::place place_;
  bool ended_ = false;  ///< guarded by the list's mutex, as are call_ and resume_
  std::function<void(std::exception_ptr)> resume_;
};

void loop_calls::shutdown() {
  std::list<std::shared_ptr<waiting_coroutine>> left;
  {
    const std::lock_guard lock(list->mutex);
    list->closed = true;
    left.swap(list->all);
  }
  for (const auto& each : left) each->cancel();
  for (const auto& each : left) each->wait_until_ended();
  for (const auto& each : left) each->forget();  // destroys the coroutines
}

}  // namespace

task<void> await_thread_call(thread_executor& threads, std::shared_ptr<thread_call> call) {
  const auto executor = co_await asio::this_coro::executor;
  const auto waiting = std::make_shared<waiting_coroutine>(threads, std::move(call), executor);
  auto operation = asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr)>(
      [waiting](auto handler) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        const auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        if (slot.is_connected())
          slot.assign([seen = std::weak_ptr(waiting)](asio::cancellation_type) {
            if (const auto found = seen.lock()) found->cancel();
          });
        waiting->start([shared](std::exception_ptr failed) {
          asio::get_associated_cancellation_slot(*shared).clear();
          std::move (*shared)(std::move(failed));
        });
      },
      asio::use_awaitable);
  const waiting_for mark("a thread");
  co_await std::move(operation);
}

}  // namespace fanout::detail
