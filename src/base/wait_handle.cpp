#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/detail/wait_handle.hpp>

#include <sys/epoll.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::detail {

void open_wait_handle(std::optional<asio::posix::stream_descriptor>& handle, asio::io_context& loop, int descriptor) {
  owned_descriptor watch(epoll_create1(EPOLL_CLOEXEC));
  epoll_event readable{};
  readable.events = EPOLLIN;
  if (!watch || epoll_ctl(watch.value(), EPOLL_CTL_ADD, descriptor, &readable) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot wait for the source");
  asio::posix::stream_descriptor made(loop);
  made.assign(watch.value());  // owned by one or the other, whatever it throws
  watch.release();
  handle.emplace(std::move(made));
}

}  // namespace fanout::detail
