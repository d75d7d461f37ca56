#include "http/scripted_server.hpp"

#include "http/h2_translation.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace fanout_test {

std::size_t peer::read(char* into, std::size_t size) {
  const auto count =
      tls_ ? static_cast<ssize_t>(SSL_read(tls_, into, static_cast<int>(size))) : ::recv(descriptor_, into, size, 0);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

peer::peer(int descriptor, SSL* tls, bool http_2) : descriptor_(descriptor), tls_(tls), http_2_(http_2) {}

peer::~peer() {
  if (translation_) {
    translation_->answer_ends();
    send_frames();
    if (!resets_) close_gently();
  }
  SSL_free(own_tls_);
}

// Appends to `ahead_` what comes next; false when the client closed.
bool peer::read_more() {
  const std::size_t before = version_known_ ? ahead_.size() : 0;
  if (!find_out_version()) return false;
  while (ahead_.size() == before) {
    char buffer[16 * 1024];
    const std::size_t count = read(buffer, sizeof buffer);
    if (count == 0) return false;
    if (!translation_) {
      ahead_.append(buffer, count);
      return true;
    }
    const bool goes_on = translation_->feed({buffer, count});
    translation_->take_requests(ahead_);
    if (!send_frames() || (!goes_on && ahead_.size() == before)) return false;
  }
  return true;
}

// Reads the client's first bytes. False when it closed before.
bool peer::find_out_version() {
  if (std::exchange(version_known_, true)) return true;
  std::string first = std::exchange(ahead_, {});
  while (first.size() < h2_translation::preface.size() && h2_translation::preface.starts_with(first)) {
    char buffer[16 * 1024];
    const std::size_t count = read(buffer, sizeof buffer);
    if (count == 0) break;
    first.append(buffer, count);
  }
  if (!first.starts_with(h2_translation::preface)) {
    ahead_ = std::move(first);
    return true;
  }
  translation_ = std::make_unique<h2_translation>();
  translation_->feed(first);
  translation_->take_requests(ahead_);
  return send_frames();
}

// All there are for now, and DATA as the client gives credit.
bool peer::send_frames() {
  for (;;) {
    if (const std::string frames = translation_->collect(); !frames.empty()) {
      if (!write(frames)) return false;
      continue;
    }
    pollfd readable{descriptor_, POLLIN, 0};
    const bool came = (tls_ && SSL_pending(tls_) > 0) || ::poll(&readable, 1, 0) > 0;
    if (!came && !translation_->blocked()) return true;
    char buffer[16 * 1024];
    const std::size_t count = read(buffer, sizeof buffer);
    if (count == 0 || !translation_->feed({buffer, count})) return count != 0 && write(translation_->collect());
    translation_->take_requests(ahead_);
  }
}

std::string peer::read_request() {
  std::size_t whole = 0;
  for (;;) {
    const std::size_t end = ahead_.find("\r\n\r\n");
    if (end != std::string::npos && version_known_) {
      whole = end + 4;
      const std::size_t length = ahead_.find("Content-Length: ");
      if (length < end) whole += std::strtoull(ahead_.c_str() + length + 16, nullptr, 10);
      if (ahead_.size() >= whole) break;
    }
    if (!read_more()) return {};
  }
  std::string request = ahead_.substr(0, whole);
  ahead_.erase(0, whole);
  return request;
}

std::string peer::read_until(std::string_view end) {
  std::size_t found;
  while ((found = ahead_.find(end)) == std::string::npos)
    if (!read_more()) return {};
  std::string bytes = ahead_.substr(0, found + end.size());
  ahead_.erase(0, bytes.size());
  return bytes;
}

std::string peer::read_exactly(std::size_t size) {
  http_2_ = false;
  while (ahead_.size() < size) {
    char buffer[4096];
    const std::size_t count = read(buffer, sizeof buffer);
    if (count == 0) break;
    ahead_.append(buffer, count);
  }
  std::string result = ahead_.substr(0, size);
  ahead_.erase(0, size);
  return result;
}

bool peer::start_tls(SSL_CTX* context) {
  version_known_ = false;
  SSL* const outer = std::exchange(tls_, own_tls_ = SSL_new(context));
  if (outer) {
    BIO* const within = BIO_new(BIO_f_ssl());
    BIO_set_ssl(within, outer, BIO_NOCLOSE);
    SSL_set_bio(tls_, within, within);
  } else {
    SSL_set_fd(tls_, descriptor_);
  }
  return SSL_accept(tls_) == 1;
}

bool peer::send(std::string_view bytes) {
  if (http_2_ && !find_out_version()) return false;
  if (!translation_) return write(bytes);
  translation_->answer(bytes);
  return send_frames();
}

bool peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = tls_ ? static_cast<ssize_t>(SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size())))
                            : ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void peer::send_until_full(std::string_view bytes) {
  // A closed window is what keeps bytes here although none is on its way.
  for (int queued = 0, unsent = 0; unsent == 0 || queued != unsent; std::this_thread::yield()) {
    while (::send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    if (errno != EAGAIN || ::ioctl(descriptor_, SIOCOUTQ, &queued) != 0 ||
        ::ioctl(descriptor_, SIOCOUTQNSD, &unsent) != 0)
      return;
  }
}

// The system resets a connection that is closed before all that came was read, and a client then loses what it has not
// read of an answer, because it said something about flow control meanwhile.
void peer::close_gently() {
  ::shutdown(descriptor_, SHUT_WR);
  char ignored[4096];
  while (::recv(descriptor_, ignored, sizeof ignored, 0) > 0) {
  }
}

void peer::reset() {
  resets_ = true;
  const linger now{1, 0};
  ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void peer::say_goodbye() {
  if (tls_) SSL_shutdown(tls_);
}

void peer::wait_until_closed() {
  char ignored[4096];
  while (read(ignored, sizeof ignored) > 0) {
  }
}

void peer::wait_for_close_without_reading() {
  pollfd state{descriptor_, POLLRDHUP, 0};
  while (::poll(&state, 1, -1) < 0 && errno == EINTR) {
  }
}

scripted_server::scripted_server(script play, SSL_CTX* tls, address on) : play_(std::move(play)), tls_(tls) {
  listener_ = ::socket(on == address::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  auto* const any = on == address::v4 ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  socklen_t size = on == address::v4 ? sizeof v4 : sizeof v6;
  if (::bind(listener_, any, size) != 0 || ::listen(listener_, 1024) != 0 || ::getsockname(listener_, any, &size) != 0)
    throw std::runtime_error("no server socket on the loopback interface");
  port_ = ntohs(on == address::v4 ? v4.sin_port : v6.sin6_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

scripted_server::~scripted_server() {
  {
    const std::lock_guard guard(lock_);
    stopping_ = true;
    for (const int each : open_) ::shutdown(each, SHUT_RDWR);
  }
  ::shutdown(listener_, SHUT_RDWR);  // ends accept()
  acceptor_.join();
  for (auto& each : threads_) each.join();
  ::close(listener_);
}

std::string scripted_server::url(std::string_view path, std::string_view host) const {
  return (tls_ ? "https://" : "http://") + std::string(host) + ":" + std::to_string(port_) + std::string(path);
}

bool& scripted_server::expects_http_2() {
  static bool does = false;
  return does;
}

std::set<int> scripted_server::threads() {
  const std::lock_guard guard(lock_);
  return thread_ids_;
}

void scripted_server::accept_all() {
  {
    const std::lock_guard guard(lock_);
    thread_ids_.insert(::gettid());
  }
  for (;;) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const std::lock_guard guard(lock_);
    if (stopping_) {
      ::close(descriptor);
      return;
    }
    const int number = accepted_++;
    open_.insert(descriptor);
    threads_.emplace_back([this, descriptor, number] { play_one(descriptor, number); });
  }
}

void scripted_server::play_one(int descriptor, int number) {
  {
    const std::lock_guard guard(lock_);
    thread_ids_.insert(::gettid());
  }
  // OpenSSL's socket BIO writes without MSG_NOSIGNAL. Only this thread is spared: the client must not need it.
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  SSL* tls = nullptr;
  if (tls_) {
    tls = SSL_new(tls_);
    SSL_set_fd(tls, descriptor);
  }
  if (!tls || SSL_accept(tls) == 1) {
    peer client(descriptor, tls, http_2_);
    play_(client, number);
  }
  SSL_free(tls);
  const std::lock_guard guard(lock_);
  open_.erase(descriptor);
  ::close(descriptor);
}

scripted_server::script always(std::string answer) {
  return [answer = std::move(answer)](peer& client, int) {
    while (!client.read_request().empty()) client.send(answer);
  };
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string chunk(std::string_view bytes) {
  char size[32];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

}  // namespace fanout_test
