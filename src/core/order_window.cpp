#include <fanout/core/detail/order_window.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace fanout::detail {

order_window::order_window(std::uint64_t most, int source) : most_(most), source_(source) {
  handle_ = epoll_create1(EPOLL_CLOEXEC);
  room_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event readable{};
  readable.events = EPOLLIN;
  const bool made = handle_ >= 0 && room_ >= 0 && epoll_ctl(handle_, EPOLL_CTL_ADD, room_, &readable) == 0;
  const int why = errno;
  if (made) {
    watch_source(true);
    return;
  }
  if (handle_ >= 0) close(handle_);
  if (room_ >= 0) close(room_);
  throw std::system_error(why, std::generic_category(), "cannot hand outcomes over in order");
}

order_window::~order_window() {
  close(handle_);
  close(room_);
}

/// Sequentially consistent, here and in `handed_over`: whoever comes second sees what the other stored, so either this
/// finds room or the other finds it full.
bool order_window::wait_for_room() {
  const std::lock_guard lock(mutex_);
  full_.store(true);
  if (pulled_ - handed_over_.load() < most_) {
    full_.store(false);
    return true;
  }
  take_signal();
  watch_source(false);  // it may be readable all the time
  return false;
}

void order_window::handed_over(std::uint64_t outcomes) {
  handed_over_.store(handed_over_.load(std::memory_order_relaxed) + outcomes);
  if (!full_.load()) return;
  const std::lock_guard lock(mutex_);
  if (!full_.load()) return;
  full_.store(false);
  watch_source(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(room_, &one, sizeof one);
}

void order_window::source_waits() noexcept {
  take_signal();
}

void order_window::take_signal() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(room_, &count, sizeof count);
}

void order_window::watch_source(bool watched) noexcept {
  if (source_ < 0) return;
  epoll_event readable{};
  readable.events = EPOLLIN;
  epoll_ctl(handle_, watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, source_, &readable);  // fails only where it is so already
}

}  // namespace fanout::detail
