#include "process/node/message_pipe.hpp"

#include <fanout/base/failure.hpp>

#include "process/node/little_endian.hpp"
#include "process/node/node_message.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

constexpr std::size_t length_bytes = 8;
/// Memory that a length may claim before the bytes have come.
constexpr std::size_t most_claimed = 16 << 20;

void make_non_blocking(const owned_descriptor& descriptor) {
  const int flags = fcntl(descriptor.value(), F_GETFL);
  if (flags < 0 || fcntl(descriptor.value(), F_SETFL, flags | O_NONBLOCK) < 0)
    throw std::system_error(errno, std::generic_category(), "cannot use a link to a node");
}

/// A pipe has no MSG_NOSIGNAL. A signal that stays pending goes with its thread.
void block_broken_pipe() {
  sigset_t broken;
  sigemptyset(&broken);
  sigaddset(&broken, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken, nullptr);
}

}  // namespace

message_pipe::message_pipe(owned_descriptor in, owned_descriptor out)
    : in_(std::move(in)), out_(std::move(out)), stopped_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!stopped_) throw std::system_error(errno, std::generic_category(), "cannot use a link to a node");
  make_non_blocking(in_);
  make_non_blocking(out_);
  writer_ = std::thread([this] { write_queued(); });
}

message_pipe::~message_pipe() {
  stop();
  writer_.join();
}

void message_pipe::send(std::string message) {
  const std::lock_guard lock(mutex_);
  if (ending_ || stopping_ || written_) return;
  queue_.push_back(std::move(message));
  if (queue_.size() == 1) changed_.notify_all();
}

void message_pipe::end() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  changed_.notify_all();
}

void message_pipe::wait_sent() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return written_; });
}

void message_pipe::stop() noexcept {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stopped_.value(), &one, sizeof one);
  changed_.notify_all();
}

void message_pipe::write_queued() {
  block_broken_pipe();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !queue_.empty() || ending_ || stopping_; });
    if (queue_.empty() || stopping_) break;
    const std::string message = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::string length;
    little_endian_writer(length).u64(message.size());
    const bool sent = write_all(length) && write_all(message);
    lock.lock();
    if (!sent) break;
  }
  queue_.clear();
  written_ = true;
  out_.reset();
  changed_.notify_all();
}

/// False after `stop`.
bool message_pipe::wait_for(int descriptor, short events) {
  std::array<pollfd, 2> waited{{{descriptor, events, 0}, {stopped_.value(), POLLIN, 0}}};
  while (poll(waited.data(), waited.size(), -1) < 0 && errno == EINTR) {
  }
  return waited[1].revents == 0;
}

bool message_pipe::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = write(out_.value(), bytes.data(), bytes.size());
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (!wait_for(out_.value(), POLLOUT)) return false;
  }
  return true;
}

/// False at the end, or after `stop`.
bool message_pipe::read_some(char* to, std::size_t most, std::size_t& got) {
  for (;;) {
    if (!wait_for(in_.value(), POLLIN)) return false;
    const auto came = read(in_.value(), to, most);
    if (came > 0) {
      got = static_cast<std::size_t>(came);
      return true;
    }
    if (came < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
    return false;
  }
}

std::optional<std::string> message_pipe::receive() {
  std::array<char, length_bytes> length{};
  std::size_t filled = 0;
  std::size_t got = 0;
  while (filled < length.size()) {
    if (!read_some(length.data() + filled, length.size() - filled, got)) {
      if (filled == 0) return std::nullopt;
      throw error(failure_kind::protocol, "a stream between engine and node ended in the middle of a message");
    }
    filled += got;
  }
  std::string_view raw(length.data(), length.size());
  const auto size = little_endian_reader(raw).u64();
  if (size > max_node_message)
    throw error(failure_kind::protocol, "bytes that are no message came over a stream between engine and node");
  std::string message;
  for (filled = 0; filled < size; filled += got) {
    if (filled == message.size())
      message.resize(std::min<std::size_t>(size, std::max(most_claimed, 2 * message.size())));
    if (!read_some(message.data() + filled, message.size() - filled, got))
      throw error(failure_kind::protocol, "a stream between engine and node ended in the middle of a message");
  }
  return message;
}

}  // namespace fanout::detail
