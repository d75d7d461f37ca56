#include "process/channel/run_inbox.hpp"

#include <fanout/core/interrupt.hpp>
#include <fanout/core/options.hpp>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fanout::detail {

run_wait::run_wait() : woken_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!woken_) throw std::system_error(errno, std::generic_category(), "cannot start a run");
}

void run_wait::wake() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(woken_.value(), &one, sizeof one);  // fails only when it is readable
}

void run_wait::wait(run_control& control, int source, int limit_ms) {
  const interrupt* const ctrl_c = control.options().interrupt;
  std::array<pollfd, 3> waited{};
  waited[0] = {woken_.value(), POLLIN, 0};
  waited[1] = {source, POLLIN, 0};
  waited[2] = {!ctrl_c || control.aborted() ? -1
               : drained_                   ? ctrl_c->abort_handle()
                                            : ctrl_c->drain_handle(),
               POLLIN, 0};
  poll(waited.data(), waited.size(), limit_ms);
  std::uint64_t taken = 0;
  if (waited[0].revents) [[maybe_unused]]
    const auto got = read(woken_.value(), &taken, sizeof taken);
  if (waited[2].revents) drained_ = true;
  control.follow_interrupt();
}

}  // namespace fanout::detail
