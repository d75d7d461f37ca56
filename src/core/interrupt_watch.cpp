#include <fanout/base/detail/wait_handle.hpp>
#include <fanout/core/detail/interrupt_watch.hpp>
#include <fanout/core/interrupt.hpp>

namespace fanout::detail {

interrupt_watch::interrupt_watch(asio::io_context& loop, run_control& control) : loop_(loop), control_(control) {}

void interrupt_watch::start() {
  if (control_.options().interrupt) wait(*control_.options().interrupt);
}

void interrupt_watch::stop() {
  handle_.reset();
}

/// Waits for the next level. A wait that ends for no reason is followed by the same one again.
void interrupt_watch::wait(const interrupt& source) {
  const int handle = source.level() == 0 ? source.drain_handle() : source.abort_handle();
  open_wait_handle(handle_, loop_, handle);
  handle_->async_wait(asio::posix::descriptor_base::wait_read, [this, &source](boost::system::error_code cancelled) {
    if (cancelled) return;
    control_.follow_interrupt();
    if (control_.aborted())
      handle_.reset();
    else
      wait(source);
  });
}

}  // namespace fanout::detail
