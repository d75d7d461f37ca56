#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/parked_handler.hpp>
#include <fanout/async/detail/queued_timer.hpp>
#include <fanout/async/sleep.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace fanout {
namespace detail {
namespace {

/// A coroutine that sleeps; this lives in its frame. It is resumed by a post, so that a thread that wakes many is not
/// held up by the first.
class sleeper final : public queued_timer {
 public:
  /// What to await, once.
  auto until(std::chrono::steady_clock::time_point when) {
    return asio::async_initiate<const asio::deferred_t&, void(boost::system::error_code)>(
        [](auto handler, sleeper* self, std::chrono::steady_clock::time_point then) {
          self->begin(std::move(handler), then);
        },
        asio::deferred, this, when);
  }
  using queued_timer::fired;

 private:
  struct canceller {
    sleeper* target;
    void operator()(asio::cancellation_type) const {
      if (target->stop()) target->wake(asio::error::operation_aborted);
    }
  };

  // Once it is set, another thread may run the coroutine, and destroy its frame with this in it.
  template <class Handler>
  void begin(Handler handler, std::chrono::steady_clock::time_point when) {
    const asio::any_io_executor executor = asio::get_associated_executor(handler);
    const auto* const loop = executor.target<asio::io_context::executor_type>();
    if (!loop) {
      own_timer_ = std::make_unique<asio::steady_timer>(executor, when);
      return own_timer_->async_wait(std::move(handler));
    }
    loop_ = *loop;
    auto slot = asio::get_associated_cancellation_slot(handler);
    if (slot.is_connected()) slot.template emplace<canceller>(canceller{this});
    parked_.park(std::move(handler));
    set_shared(executor, when);
  }

  void wake(boost::system::error_code with) {
    const asio::io_context::executor_type executor = *loop_;  // this may be gone before the post returns
    asio::post(executor, parked_turn(parked_, with));
  }
  bool fire() override {
    wake({});
    return true;
  }
  void queue_ends() noexcept override {
    fired();
    parked_.drop();
  }

  std::optional<asio::io_context::executor_type> loop_;
  parked_handler<boost::system::error_code> parked_;
};

}  // namespace

}  // namespace detail

task<void> sleep(any_duration<std::chrono::steady_clock::duration> duration) {
  const detail::waiting_for mark("sleep");
  detail::sleeper self;
  auto end = self.until(detail::after(std::chrono::steady_clock::now(), duration));
  co_await std::move(end);
  self.fired();
}

task<void> sleep_until(std::chrono::steady_clock::time_point when) {
  const detail::waiting_for mark("sleep");
  detail::sleeper self;
  auto end = self.until(when);
  co_await std::move(end);
  self.fired();
}

task<void> yield() {
  const auto executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::deferred);
  co_await std::move(turn);
}

}  // namespace fanout
