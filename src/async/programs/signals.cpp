#include <fanout/async/detail/observation.hpp>
#include <fanout/async/signals.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace fanout {

void signals::register_on(const asio::any_io_executor& executor) {
  registered_.emplace(executor);
  try {
    for (const int number : numbers_) registered_->add(number);
  } catch (...) {
    registered_.reset();  // all or none
    throw;
  }
}

task<int> signals::wait(signals& self) {
  const auto executor = co_await asio::this_coro::executor;
  if (!self.registered_) self.register_on(executor);
  auto wait = self.registered_->async_wait(asio::use_awaitable);
  const detail::waiting_for mark("a signal");
  co_return co_await std::move(wait);
}

}  // namespace fanout
