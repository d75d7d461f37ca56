#include "http/io/poller.hpp"

#include "http/io/notifier.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::http {
namespace {

using detail::parked_turn;

[[noreturn]] void refused(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

int new_epoll() {
  const int made = ::epoll_create1(EPOLL_CLOEXEC);
  if (made < 0) refused("cannot watch sockets");
  return made;
}

}  // namespace

// --- sockets

polled_socket::polled_socket(poller& by, detail::owned_descriptor socket)
    : watched_(std::make_unique<watched>(by, std::move(socket))) {
  by.add(*watched_);
}

polled_socket::watched::~watched() {
  if (wanted != 0) owner.end_wait();
  if (notified) owner.end_wait();
  owner.remove(*this);
}

int polled_socket::native_handle() const noexcept {
  return watched_ ? watched_->descriptor.value() : -1;
}

void polled_socket::cancel() noexcept {
  watched_->cancel();
}

void polled_socket::notify(notifier* whom) noexcept {
  const bool before = std::exchange(watched_->notified, whom) != nullptr;
  if (whom && (watched_->ready | watched_->over) != 0) whom->notify();
  if (whom && !before) watched_->owner.begin_wait();
  if (!whom && before) watched_->owner.end_wait();
}

void polled_socket::ask_turn() {
  watched_->owner.ask_turn(*watched_);
}

bool polled_socket::take_ready(std::uint8_t what) noexcept {
  const bool told = ((watched_->ready | watched_->over) & what) != 0;
  watched_->ready &= static_cast<std::uint8_t>(~what);
  return told;
}

void polled_socket::watched::wait(std::uint8_t what) {
  const bool told = ((ready | over) & what) != 0;
  ready &= static_cast<std::uint8_t>(~what);
  if (told) return owner.resume(*this, {});
  wanted = what;
  owner.park(*this);
}

void polled_socket::watched::tell(std::uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) over = readable | writable;
  if ((events & EPOLLRDHUP) != 0) over |= readable;
  if ((events & EPOLLIN) != 0) ready |= readable;
  if ((events & EPOLLOUT) != 0) ready |= writable;
  if (notified) notified->notify();
  if (user && !in_turns.is_linked()) owner.turns_.push_back(*this);
  if (((ready | over) & wanted) == 0) return;
  ready &= static_cast<std::uint8_t>(~wanted);
  wanted = 0;
  unlink();
  owner.end_wait();
  owner.resume(*this, {});
}

void polled_socket::watched::cancel() noexcept {
  if (std::exchange(wanted, 0) == 0) return;
  unlink();
  owner.end_wait();
  owner.resume(*this, asio::error::operation_aborted);
}

// --- coroutines that wait for somebody else's socket

parked_wait::~parked_wait() {
  if (is_linked()) owner_.end_wait();
}

void parked_wait::begin_wait() {
  owner_.parked_waits_.push_back(*this);
  owner_.begin_wait();
}

void parked_wait::resume(boost::system::error_code with) {
  if (!is_linked()) return;
  unlink();
  owner_.end_wait();
  if (!executor_) return asio::post(owner_.loop_, socket_turn(parked_, memory_, with));
  const asio::any_io_executor executor = executor_;
  asio::post(executor, parked_turn(parked_, with));
}

// --- their poller

poller::poller(asio::io_context& loop) : loop_(loop), epoll_(loop.get_executor(), new_epoll()) {}

poller::~poller() = default;

void poller::shut_down() noexcept {
  ended_ = true;
  looking_ = false;  // Asio ends that wait itself
  while (!parked_.empty()) {
    watched& gone = parked_.front();
    gone.unlink();
    gone.wanted = 0;
    --waits_;
    gone.parked.drop();
  }
  while (!parked_waits_.empty()) {
    parked_wait& gone = parked_waits_.front();
    gone.unlink();
    --waits_;
    gone.parked_.drop();
  }
}

void poller::add(watched& socket) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &socket;
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, socket.descriptor.value(), &event) != 0)
    refused("cannot watch a socket");
}

// Closing would not do: while a process is being started it may hold the socket, too.
void poller::remove(watched& socket) noexcept {
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, socket.descriptor.value(), nullptr);
}

void poller::park(watched& socket) {
  parked_.push_back(socket);
  begin_wait();
}

void poller::begin_wait() {
  ++waits_;
  if (!looking_) look();
}

// A loop ends when nothing is left to wait for.
void poller::end_wait() noexcept {
  if (--waits_ > 0 || !looking_) return;
  boost::system::error_code ignored;
  epoll_.cancel(ignored);
}

// As Asio does: each goes on in a turn of the loop of its own, so what one throws out of the loop keeps nobody else.
void poller::resume(watched& socket, boost::system::error_code with) {
  if (!socket.executor) return asio::post(loop_, socket_turn(socket.parked, socket.memory, with));
  const asio::any_io_executor executor = socket.executor;  // the socket may be gone before the call returns
  asio::post(executor, parked_turn(socket.parked, with));
}

void poller::ask_turn(watched& socket) {
  if (ended_) return;
  if (!socket.in_turns.is_linked()) turns_.push_back(socket);
  if (std::exchange(turn_posted_, true)) return;
  asio::post(loop_, [this] {
    turn_posted_ = false;
    give_turns();
  });
}

// A user may destroy any socket meanwhile, which leaves the list by itself, and may ask for another turn, which comes
// behind what others were resumed for.
void poller::give_turns() noexcept {
  turn_list now;
  now.swap(turns_);
  while (!now.empty()) {
    watched& socket = now.front();
    now.pop_front();
    if (socket.user) socket.user->on_turn();
  }
}

void poller::look() {
  looking_ = true;
  epoll_.async_wait(asio::posix::descriptor_base::wait_read, [this](boost::system::error_code) {
    looking_ = false;
    if (waits_ == 0) return;
    tell_all();
    if (waits_ > 0) look();
  });
}

void poller::tell_all() {
  std::array<epoll_event, 128> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i)
    static_cast<watched*>(events[static_cast<std::size_t>(i)].data.ptr)
        ->tell(events[static_cast<std::size_t>(i)].events);
  give_turns();
}

}  // namespace fanout::http
