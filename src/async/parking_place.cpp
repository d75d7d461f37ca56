#include <fanout/async/observation.hpp>
#include <fanout/async/parking_place.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <stdexcept>
#include <utility>

namespace fanout::detail {

task<void> parking_place::wait(const char* what) {
  if (waiting_) throw std::logic_error("another coroutine waits for this already");
  const waiting_for mark(what);
  auto parked = asio::async_initiate<const asio::use_awaitable_t<>&, void(boost::system::error_code)>(
      [this](resumption self) {
        auto slot = asio::get_associated_cancellation_slot(self);
        if (slot.is_connected())
          slot.assign([this](asio::cancellation_type) { resume(asio::error::operation_aborted); });
        waiting_.emplace(std::move(self));
      },
      asio::use_awaitable);
  co_await std::move(parked);
}

void parking_place::resume(boost::system::error_code with) {
  if (!waiting_) return;
  resumption self = std::move(*waiting_);
  waiting_.reset();
  const auto executor = self.get_executor();
  asio::post(executor, [self = std::move(self), with]() mutable { std::move(self)(with); });
}

}  // namespace fanout::detail
