#include <fanout/async/detail/coroutine_start.hpp>

namespace fanout::detail {

void start_coroutine(coroutine_entry entry, const asio::any_io_executor& executor, cancellation_relay& cancel) {
  asio::detail::awaitable_thread<asio::any_io_executor>(std::move(entry), executor, cancel.slot(), cancel.state())
      .launch();
}

}  // namespace fanout::detail
