#include <fanout/async/detail/observation.hpp>
#include <fanout/async/detail/single_waiter.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <stdexcept>
#include <utility>

namespace fanout::detail {

task<void> single_waiter::wait(const char* what) {
  if (waiting_) throw std::logic_error("another coroutine waits for this already");
  const waiting_for mark(what);
  guest self{.executor = co_await asio::this_coro::executor};
  auto parked = asio::async_initiate<const asio::deferred_t&, void(boost::system::error_code)>(
      [](auto handler, single_waiter* place, guest* who) {
        auto slot = asio::get_associated_cancellation_slot(handler);
        if (slot.is_connected())
          slot.assign([place](asio::cancellation_type) { place->resume(asio::error::operation_aborted); });
        who->handler.park(std::move(handler));
        place->waiting_ = who;
      },
      asio::deferred, this, &self);
  co_await std::move(parked);
}

void single_waiter::resume(boost::system::error_code with) {
  if (guest* const woken = std::exchange(waiting_, nullptr))
    asio::post(woken->executor, parked_turn(woken->handler, with));
}

void single_waiter::drop() noexcept {
  if (guest* const gone = std::exchange(waiting_, nullptr)) gone->handler.drop();
}

}  // namespace fanout::detail
