#include <fanout/core/interrupt.hpp>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fanout {

static_assert(std::atomic<int>::is_always_lock_free, "raise() is called in signal handlers");

interrupt::interrupt()
    : drain_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), abort_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (drain_ >= 0 && abort_ >= 0) return;
  const int why = errno;
  if (drain_ >= 0) close(drain_);
  if (abort_ >= 0) close(abort_);
  throw std::system_error(why, std::generic_category(), "cannot prepare for interrupts");
}

interrupt::~interrupt() {
  close(drain_);
  close(abort_);
}

void interrupt::raise() noexcept {
  const int saved = errno;
  const int now = level_.fetch_add(1, std::memory_order_acq_rel) + 1;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(now == 1 ? drain_ : abort_, &one, sizeof one);
  errno = saved;
}

}  // namespace fanout
