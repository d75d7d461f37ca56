#include <fanout/base/owned_descriptor.hpp>
#include <fanout/base/wait_handle.hpp>

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>

namespace fanout::detail {

int open_wait_handle(int descriptor) {
  owned_descriptor handle(epoll_create1(EPOLL_CLOEXEC));
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!handle || epoll_ctl(handle.value(), EPOLL_CTL_ADD, descriptor, &readable) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot wait for the source");
  return handle.release();
}

}  // namespace fanout::detail
