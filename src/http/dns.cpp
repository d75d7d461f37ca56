#include "http/dns.hpp"

#include <fanout/base/failure.hpp>

#include <ares.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <fmt/format.h>

#include <netinet/in.h>

#include <cstring>
#include <unordered_map>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t most_cached = 16 * 1024;

asio::ip::address to_address(const sockaddr* from) {
  if (from->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, from, sizeof v4);
    return asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, from, sizeof v6);
  asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return asio::ip::address_v6(bytes, v6.sin6_scope_id);
}

std::string describe(const std::string& host, int status) {
  switch (status) {
    case ARES_ENOTFOUND:
      return fmt::format("there is no host '{}'; check its spelling", host);
    case ARES_ENODATA:
      return fmt::format("the host '{}' has no address", host);
    case ARES_ETIMEOUT:
      return fmt::format("no name server answered the look-up of '{}'", host);
    case ARES_ECONNREFUSED:
      return fmt::format("no name server could be reached to look up '{}'; check /etc/resolv.conf", host);
    default:
      return fmt::format("the look-up of '{}' failed: {}", host, ares_strerror(status));
  }
}

/// Whether the name is this machine's by definition, whatever /etc/hosts and name servers say (RFC 6761 section 6.3).
bool is_localhost(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host == "localhost" || host.ends_with(".localhost");
}

/// The addresses that need no look-up; none for a name that does.
address_list known_addresses(const std::string& host) {
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) return {address};
  if (is_localhost(host)) return {asio::ip::address_v4::loopback(), asio::ip::address_v6::loopback()};
  return {};
}

}  // namespace

/// One query under way or just answered, and who waits for it.
struct lookup::flight {
  std::string host;
  resolver::impl* owner = nullptr;
  std::vector<lookup*> waiting;
  address_list addresses;
  std::string failed;  ///< why there are none
  bool done = false;
};

struct resolver::impl final : deadline_entry {
  using descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;
  using flight = lookup::flight;

  /// A socket of c-ares while c-ares wants to know about it. The library opens and closes it; Asio only watches.
  struct watched {
    watched(asio::io_context& loop, int fd) : socket(loop.get_executor(), fd) {}
    descriptor socket;
    bool want_read = false, want_write = false;
    bool reading = false, writing = false;
    bool gone = false;
  };
  struct cached {
    address_list addresses;
    clock::time_point until;
  };

  impl(asio::io_context& used_loop, deadline_list& used_deadlines) : loop(used_loop), deadlines(used_deadlines) {
    ares_options options{};
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<impl*>(self)->watch(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    const int status = ares_init_options(&channel, &options, ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS)
      throw error(failure_kind::dns, fmt::format("name look-up cannot be set up: {}", ares_strerror(status)));
  }

  ~impl() override {
    ares_destroy(channel);  // ends every query: answered() with ARES_EDESTRUCTION
    for (auto& [fd, entry] : sockets) forget(*entry);
  }

  std::shared_ptr<flight> join(const std::string& host) {
    const auto now = clock::now();
    if (const auto known = cache.find(host); known != cache.end()) {
      if (now < known->second.until) {
        auto ready = std::make_shared<flight>();
        ready->addresses = known->second.addresses;
        ready->done = true;
        return ready;
      }
      cache.erase(known);
    }
    if (const auto under_way = flights.find(host); under_way != flights.end()) return under_way->second;
    auto started = std::make_shared<flight>();
    started->host = host;
    started->owner = this;
    flights.emplace(host, started);
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    auto* const argument = new std::shared_ptr<flight>(started);
    ares_getaddrinfo(
        channel, host.c_str(), nullptr, &hints,
        [](void* data, int status, int, ares_addrinfo* found) {
          const std::unique_ptr<std::shared_ptr<flight>> of(static_cast<std::shared_ptr<flight>*>(data));
          (*of)->owner->answered(*of, status, found);
        },
        argument);
    set_timeout();
    return started;
  }

  void answered(const std::shared_ptr<flight>& query, int status, ares_addrinfo* found) {
    int ttl = found && found->nodes ? found->nodes->ai_ttl : 0;
    for (const auto* node = found ? found->nodes : nullptr; node; node = node->ai_next) {
      if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
      query->addresses.push_back(to_address(node->ai_addr));
      ttl = std::min(ttl, node->ai_ttl);
    }
    if (found) ares_freeaddrinfo(found);
    if (query->addresses.empty())
      query->failed = describe(query->host, status == ARES_SUCCESS ? ARES_ENODATA : status);
    else if (ttl > 0)
      remember(query->host, query->addresses, std::chrono::seconds(ttl));
    query->done = true;
    flights.erase(query->host);
    waiters -= query->waiting.size();
    for (lookup* const each : query->waiting) each->wake_.cancel();
  }

  void remember(const std::string& host, const address_list& addresses, std::chrono::seconds ttl) {
    const auto now = clock::now();
    if (cache.size() >= most_cached) std::erase_if(cache, [&](const auto& entry) { return entry.second.until <= now; });
    if (cache.size() >= most_cached) cache.clear();
    cache.insert_or_assign(host, cached{addresses, now + ttl});
  }

  // Called by c-ares whenever what it waits for on one of its sockets changes; with neither, it closes the socket next.
  void watch(int fd, bool readable, bool writable) {
    auto found = sockets.find(fd);
    if (!readable && !writable) {
      if (found == sockets.end()) return;
      forget(*found->second);
      sockets.erase(found);
      return;
    }
    if (found == sockets.end()) found = sockets.emplace(fd, std::make_shared<watched>(loop, fd)).first;
    found->second->want_read = readable;
    found->second->want_write = writable;
    wait_on(found->second, fd);
  }

  // The descriptor is c-ares' to close: Asio must let go of it first.
  static void forget(watched& entry) {
    entry.gone = true;
    entry.socket.release();
  }

  void wait_on(const std::shared_ptr<watched>& entry, int fd) {
    if (entry->want_read && !entry->reading) {
      entry->reading = true;
      entry->socket.async_wait(descriptor::wait_read, [this, entry, fd](boost::system::error_code failed) {
        entry->reading = false;
        if (!entry->gone && !failed) process(entry, fd, fd, ARES_SOCKET_BAD);
      });
    }
    if (entry->want_write && !entry->writing) {
      entry->writing = true;
      entry->socket.async_wait(descriptor::wait_write, [this, entry, fd](boost::system::error_code failed) {
        entry->writing = false;
        if (!entry->gone && !failed) process(entry, fd, ARES_SOCKET_BAD, fd);
      });
    }
  }

  void process(const std::shared_ptr<watched>& entry, int fd, int readable, int writable) {
    ares_process_fd(channel, readable, writable);
    if (!entry->gone) wait_on(entry, fd);
    set_timeout();
  }

  void set_timeout() {
    timeval left;
    if (!ares_timeout(channel, nullptr, &left)) return deadlines.disarm(*this);
    deadlines.arm(*this, clock::now() + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  }

  void on_deadline() override {
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timeout();
  }

  void leave(const lookup& gone, flight& query) {
    std::erase(query.waiting, &gone);
    if (--waiters != 0) return;
    ares_cancel(channel);
    set_timeout();
  }

  asio::io_context& loop;
  deadline_list& deadlines;
  ares_channel channel = nullptr;
  std::size_t waiters = 0;  ///< look-ups waiting, over all queries
  std::unordered_map<int, std::shared_ptr<watched>> sockets;
  std::unordered_map<std::string, std::shared_ptr<flight>> flights;
  std::unordered_map<std::string, cached> cache;
};

lookup::lookup(resolver& names, const std::string& host) : names_(names), wake_(names.loop_.get_executor()) {
  if (address_list known = known_addresses(host); !known.empty()) {
    flight_ = std::make_shared<flight>();
    flight_->addresses = std::move(known);
    flight_->done = true;
    return;
  }
  flight_ = names.channel().join(host);
  if (flight_->done) return;
  flight_->waiting.push_back(this);
  ++names.impl_->waiters;
}

lookup::~lookup() {
  if (!flight_->done && names_.impl_) names_.impl_->leave(*this, *flight_);
}

task<void> lookup::wait() {
  while (!flight_->done && !stopped_) {
    wake_.expires_at(clock::time_point::max());
    auto woken = wake_.async_wait(asio::as_tuple(asio::deferred));
    const auto [failed] = co_await std::move(woken);
    if (failed && !flight_->done && !stopped_) throw boost::system::system_error(failed);
  }
}

void lookup::stop() {
  stopped_ = true;
  wake_.cancel();
}

const address_list& lookup::addresses() const {
  if (!flight_->failed.empty()) throw error(failure_kind::dns, flight_->failed);
  return flight_->addresses;
}

resolver::resolver(asio::io_context& loop, deadline_list& deadlines) : loop_(loop), deadlines_(deadlines) {}
resolver::~resolver() = default;
resolver::impl& resolver::channel() {
  if (!impl_) impl_ = std::make_unique<impl>(loop_, deadlines_);
  return *impl_;
}

void resolver::use_servers(const std::string& servers) {
  const int status = ares_set_servers_ports_csv(channel().channel, servers.c_str());
  if (status != ARES_SUCCESS)
    throw error(failure_kind::dns,
                fmt::format("the name servers '{}' cannot be used: {}", servers, ares_strerror(status)));
}

void resolver::shut_down() noexcept {
  impl_.reset();
}

}  // namespace fanout::http
