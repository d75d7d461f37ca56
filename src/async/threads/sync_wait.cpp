#include <fanout/async/detail/running_loop.hpp>
#include <fanout/async/sync_wait.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <functional>
#include <stdexcept>

namespace fanout::detail {

thread_local int running_loop::depth = 0;

void run_loop_until_done(task<void> work, const std::stop_token& stop) {
  if (running_loop::on_this_thread())
    throw std::logic_error("sync_wait on a thread that runs an event loop would stop that loop: co_await the task");
  const running_loop here;
  std::exception_ptr failed;
  asio::cancellation_signal cancel;
  asio::io_context loop(1);
  bool ended = false;
  // On the loop, where a coroutine that is cancelled before it starts cannot make co_spawn throw.
  asio::post(loop, [&] {
    asio::co_spawn(loop, std::move(work), asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                     failed = std::move(thrown);
                     ended = true;
                     loop.stop();
                   }));
  });
  {
    const std::stop_callback<std::function<void()>> on_stop(stop, [&] {
      asio::post(loop, [&] {
        if (!ended) cancel.emit(asio::cancellation_type::terminal);
      });
    });
    loop.run();
  }
  if (failed) std::rethrow_exception(failed);
}

}  // namespace fanout::detail
