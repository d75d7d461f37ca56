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

/// Waits for the next level that the run has not followed yet; the interrupt itself may be ahead of it.
void interrupt_watch::wait(const interrupt& source) {
  const int handle = drained_ ? source.abort_handle() : source.drain_handle();
  open_wait_handle(handle_, loop_, handle);
  handle_->async_wait(asio::posix::descriptor_base::wait_read, [this, &source](boost::system::error_code cancelled) {
    if (cancelled) return;
    drained_ = source.level() > 0;
    control_.follow_interrupt();
    if (control_.aborted())
      handle_.reset();
    else
      wait(source);
  });
}

}  // namespace fanout::detail
