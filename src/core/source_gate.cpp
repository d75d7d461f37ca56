#include <fanout/core/detail/source_gate.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace fanout::detail {

source_gate::source_gate(int source) : source_(source) {
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
  throw std::system_error(why, std::generic_category(), "cannot make a source that can be held up");
}

source_gate::~source_gate() {
  close(handle_);
  close(room_);
}

void source_gate::open() {
  const std::lock_guard lock(mutex_);
  if (!shut_.load()) return;
  shut_.store(false);
  watch_source(true);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(room_, &one, sizeof one);
}

void source_gate::take_signal() noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = read(room_, &count, sizeof count);
}

void source_gate::watch_source(bool watched) noexcept {
  if (source_ < 0) return;
  epoll_event readable{};
  readable.events = EPOLLIN;
  epoll_ctl(handle_, watched ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, source_, &readable);  // fails only where it is so already
}

}  // namespace fanout::detail
