#include "http/dns/resolver.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/dns/hosts_file.hpp"
#include "http/dns/resolv_conf.hpp"
#include "http/message/host.hpp"

#include <ares.h>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <fmt/format.h>

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// A name that does not exist is asked for again soon: it may be about to appear. That a name has no address of one
// family, mostly IPv6, changes rarely. (RFC 2308 has the zone's own figure, which c-ares does not pass on.)
constexpr std::chrono::seconds keep_unknown{5};
constexpr std::chrono::seconds keep_without_address{60};
constexpr std::chrono::hours keep_at_most{24};

// A socket's default receive buffer holds some 270 small datagrams, and a name server reads them one by one. So this
// many queries leave at once, and as many again at each tick of the loop's deadlines, whatever has been answered: names
// whose servers are silent do not hold up the others.
constexpr int burst = 128;
constexpr std::chrono::milliseconds tick{5};

// So many queries are under way at most. Where the answers say that this is too much, half as many, once a second; each
// answer makes room for one more.
constexpr std::size_t most_under_way = 1'000;
constexpr std::size_t fewest_under_way = 16;
constexpr std::chrono::seconds between_cuts{1};

// A name server that is overloaded answers SERVFAIL, or not at all: that says nothing of the name, and c-ares has asked
// each server in vain. Such a query is sent again, twice at most, within a budget: a tenth of all queries, and 50.
constexpr int most_query_retries = 2;
constexpr std::chrono::milliseconds first_query_pause{100};
constexpr double free_query_retries = 50;
constexpr double most_query_retries_saved = 1'000;
constexpr double retries_per_query = 0.1;

bool is_overload(int status) {
  return status == ARES_ESERVFAIL || status == ARES_ETIMEOUT;
}

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
    // The server was reached, and this is what it says.
    case ARES_ESERVFAIL:
      return fmt::format("the name server failed to look up '{}' (it answered SERVFAIL)", host);
    case ARES_EREFUSED:
      return fmt::format("the name server refuses to look up '{}' (it answered REFUSED)", host);
    case ARES_ENOTIMP:
      return fmt::format("the name server cannot look up '{}' (it answered NOTIMP)", host);
    case ARES_EFORMERR:
      return fmt::format("the name server did not understand the look-up of '{}' (it answered FORMERR)", host);
    case ARES_EBADNAME:
      return fmt::format("'{}' is no name that a name server can be asked for", printable(host));
    case ARES_ECONNREFUSED:
      return fmt::format("no name server could be reached to look up '{}'; check /etc/resolv.conf", host);
    default:
      return fmt::format("the look-up of '{}' failed: {}", host, ares_strerror(status));
  }
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

bool is_localhost(std::string_view host) noexcept {
  host = without_trailing_dot(host);
  constexpr std::string_view name = "localhost";
  if (host.size() < name.size() || !equal_ignoring_case(host.substr(host.size() - name.size()), name)) return false;
  return host.size() == name.size() || host[host.size() - name.size() - 1] == '.';
}

/// One query under way, and who waits for it.
struct dns_query {
  std::string host;
  family kind;
  resolver::impl* owner;
  std::vector<lookup*> waiting;
  bool asked_for_reason = false;
  int retries = 0;
};

struct resolver::impl final : deadline_entry {
  using descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

  struct asker;

  /// A socket of c-ares while c-ares wants to know about it. The library opens and closes it; Asio only watches.
  struct watched {
    watched(asio::io_context& loop, asker& of, int fd) : owner(of), socket(loop.get_executor(), fd) {}
    asker& owner;
    descriptor socket;
    bool want_read = false, want_write = false;
    bool reading = false, writing = false;
    bool gone = false;
  };
  /// Lets held back queries go, tick by tick.
  struct pacer final : deadline_entry {
    explicit pacer(impl& of) : owner(of) {}
    void on_deadline() override { owner.send_held_back(); }
    impl& owner;
  };

  /// Sends queries again whose pause is over.
  struct resender final : deadline_entry {
    explicit resender(impl& of) : owner(of) {}
    void on_deadline() override { owner.send_again(); }
    impl& owner;
  };

  /// A channel of c-ares and its sockets.
  struct asker {
    asker(impl& of, bool tells_refusals) : owner(of) {
      ares_options options{};
      options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
        auto& asking = *static_cast<asker*>(self);
        asking.owner.watch(asking, fd, readable != 0, writable != 0);
      };
      options.sock_state_cb_data = this;
      options.socket_receive_buffer_size = 1024 * 1024;  // the system grants what it allows
      char only_servers[] = "b";                         // the hosts file is ours: c-ares would read it for every query
      options.lookups = only_servers;
      int given = ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_RCVBUF;
      std::string path = of.settings_file;
      if (!path.empty()) {
        options.resolvconf_path = path.data();
        given |= ARES_OPT_RESOLVCONF;
      }
      if (const auto patience = read_patience(path.empty() ? "/etc/resolv.conf" : path)) {
        options.timeout = static_cast<int>(std::chrono::milliseconds(patience->timeout).count());
        options.tries = patience->attempts;
        given |= ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
      }
      if (tells_refusals) {
        options.flags = ARES_FLAG_NOCHECKRESP;
        options.tries = 1;
        given |= ARES_OPT_FLAGS | ARES_OPT_TRIES;
      }
      const int status = ares_init_options(&channel, &options, given);
      if (status != ARES_SUCCESS)
        throw error(failure_kind::dns, fmt::format("name look-up cannot be set up: {}", ares_strerror(status)));
      if (!of.servers.empty()) use(of.servers);
    }
    asker(const asker&) = delete;
    ~asker() { ares_destroy(channel); }  // ends every query: answered() with ARES_EDESTRUCTION

    int use(const std::string& list) { return ares_set_servers_ports_csv(channel, list.c_str()); }

    impl& owner;
    ares_channel channel = nullptr;
  };

  impl(asio::io_context& used_loop, deadline_list& used_deadlines, std::string settings)
      : loop(used_loop), deadlines(used_deadlines), settings_file(std::move(settings)), first(*this, false) {}

  ~impl() override {
    ares_cancel(first.channel);
    if (second) ares_cancel(second->channel);
    for (auto& [fd, entry] : sockets) forget(*entry);
    sockets.clear();
  }

  /// Fills one family of a look-up, or lets it wait for a query.
  void join(lookup& who, lookup::one_family& half, family kind) {
    half.answer = cache.find(who.host_, kind, clock::now());
    if (half.answer) return;
    auto& known = queries[key(who.host_, kind)];
    const bool is_asked = known != nullptr;
    if (!is_asked) known = std::make_shared<dns_query>(dns_query{who.host_, kind, this, {}});
    const std::shared_ptr<dns_query> query = known;
    query->waiting.push_back(&who);
    ++waiters;
    half.query = query;
    if (!is_asked) ask(query);  // may be answered before it returns
  }

  static std::string key(const std::string& host, family kind) { return host + static_cast<char>(kind); }

  void ask(std::shared_ptr<dns_query> query) {
    retry_tokens = std::min(retry_tokens + retries_per_query, most_query_retries_saved);
    held_back.push_back(std::move(query));
    if (may_send()) send_one();
    if (!pace.armed()) deadlines.arm(pace, clock::now() + tick);
  }

  bool may_send() const noexcept { return credit > 0 && !held_back.empty() && under_way < allowed_under_way; }

  void send_one() {
    const std::shared_ptr<dns_query> query = std::move(held_back.front());
    held_back.pop_front();
    if (query->waiting.empty()) {  // given up meanwhile
      queries.erase(key(query->host, query->kind));
      return;
    }
    --credit;
    ++under_way;
    send(query, first);
  }

  void send(const std::shared_ptr<dns_query>& query, asker& by) {
    ares_addrinfo_hints hints{};
    hints.ai_flags = ARES_AI_NOSORT;  // connections are raced; what c-ares would do opens a socket for each address
    hints.ai_family = query->kind == family::v4 ? AF_INET : AF_INET6;
    hints.ai_socktype = SOCK_STREAM;
    auto* const argument = new std::shared_ptr<dns_query>(query);
    ares_getaddrinfo(
        by.channel, query->host.c_str(), nullptr, &hints,
        [](void* data, int status, int, ares_addrinfo* found) {
          const std::unique_ptr<std::shared_ptr<dns_query>> of(static_cast<std::shared_ptr<dns_query>*>(data));
          (*of)->owner->answered(*of, status, found);
        },
        argument);
    // Finding the earliest timeout is a walk over all queries. A new one is never the earliest while others wait.
    if (!armed()) set_timeout();
  }

  void send_held_back() {
    credit = burst;
    while (may_send()) send_one();
    // Those that are too many for now are sent when others have been answered.
    if (credit < burst) deadlines.arm(pace, clock::now() + tick);
  }

  void send_again() {
    const auto now = clock::now();
    auto earliest = clock::time_point::max();
    std::erase_if(later, [&](auto& each) {
      if (each.first > now) {
        earliest = std::min(earliest, each.first);
        return false;
      }
      held_back.push_back(std::move(each.second));
      return true;
    });
    if (earliest != clock::time_point::max()) deadlines.arm(resend, earliest);
    send_held_back();
  }

  /// Whether the query is asked again, as its answer says that the name server could not see to it.
  bool try_again(const std::shared_ptr<dns_query>& query, int status) {
    if (!is_overload(status)) {
      if (status == ARES_SUCCESS) allowed_under_way = std::min(allowed_under_way + 1, most_under_way);
      return false;
    }
    const auto now = clock::now();
    if (now - last_cut >= between_cuts) {
      last_cut = now;
      allowed_under_way = std::max(std::min(allowed_under_way, under_way + 1) / 2, fewest_under_way);
    }
    if (query->waiting.empty() || query->retries >= most_query_retries || retry_tokens < 1) return false;
    retry_tokens -= 1;
    query->asked_for_reason = false;
    later.emplace_back(now + first_query_pause * (1 << query->retries++), query);
    if (!resend.armed()) deadlines.arm(resend, later.back().first);
    return true;
  }

  // c-ares passes over a server that answers SERVFAIL or REFUSED, as it should, and when all have been passed over says
  // that none could be reached. A second channel, which takes such an answer for one, is asked for the reason.
  bool ask_for_reason(const std::shared_ptr<dns_query>& query, int status) {
    if (status != ARES_ECONNREFUSED || query->waiting.empty() || std::exchange(query->asked_for_reason, true))
      return false;
    if (!second) second = std::make_unique<asker>(*this, true);
    send(query, *second);
    return true;
  }

  void answered(const std::shared_ptr<dns_query>& of, int status, ares_addrinfo* found) {
    if (ask_for_reason(of, status)) return;
    --under_way;
    if (!held_back.empty() && !pace.armed()) deadlines.arm(pace, clock::now() + tick);
    if (try_again(of, status)) {
      if (found) ares_freeaddrinfo(found);
      return;
    }
    dns_query& query = *of;
    auto answer = std::make_shared<dns_answer>();
    int ttl = std::numeric_limits<int>::max();
    for (const auto* node = found ? found->nodes : nullptr; node; node = node->ai_next) {
      if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
      answer->addresses.push_back(to_address(node->ai_addr));
      ttl = std::min(ttl, node->ai_ttl);
    }
    for (const auto* alias = found ? found->cnames : nullptr; alias; alias = alias->next)
      ttl = std::min(ttl, alias->ttl);
    if (found) ares_freeaddrinfo(found);
    if (answer->addresses.empty()) answer->status = status == ARES_SUCCESS ? ARES_ENODATA : status;
    const auto now = clock::now();
    std::chrono::seconds lifetime{0};
    if (!answer->addresses.empty())
      lifetime = std::min<std::chrono::seconds>(std::chrono::seconds(ttl), keep_at_most);
    else if (answer->status == ARES_ENOTFOUND)
      lifetime = keep_unknown;
    else if (answer->status == ARES_ENODATA)
      lifetime = keep_without_address;
    cache.keep(query.host, query.kind, answer, now + lifetime, now);
    waiters -= query.waiting.size();
    const auto woken = std::move(query.waiting);
    query.waiting.clear();
    const family kind = query.kind;
    queries.erase(key(query.host, kind));
    for (lookup* const each : woken) each->settle(kind, answer);
  }

  // Called by c-ares whenever what it waits for on one of its sockets changes; with neither, it closes the socket next.
  void watch(asker& by, int fd, bool readable, bool writable) {
    auto found = sockets.find(fd);
    if (!readable && !writable) {
      if (found == sockets.end()) return;
      forget(*found->second);
      sockets.erase(found);
      return;
    }
    if (found == sockets.end()) found = sockets.emplace(fd, std::make_shared<watched>(loop, by, fd)).first;
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
    ares_process_fd(entry->owner.channel, readable, writable);
    if (!entry->gone) wait_on(entry, fd);
    rest();
  }

  // Nothing is under way: no timer is left behind.
  void rest() {
    if (!queries.empty()) return;
    deadlines.disarm(pace);
    deadlines.disarm(resend);
    deadlines.disarm(*this);
    credit = burst;
  }

  void set_timeout() {
    auto earliest = clock::time_point::max();
    for (const asker* const each : {&first, second.get()}) {
      timeval left;
      if (each && ares_timeout(each->channel, nullptr, &left))
        earliest = std::min(earliest,
                            clock::now() + std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
    }
    if (earliest == clock::time_point::max()) return deadlines.disarm(*this);
    deadlines.arm(*this, earliest);
  }

  void on_deadline() override {
    ares_process_fd(first.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (second) ares_process_fd(second->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timeout();
    rest();
  }

  void leave(const lookup& gone, dns_query& query) {
    waiters -= std::erase(query.waiting, &gone);
    if (waiters != 0) return;
    held_back.clear();
    later.clear();
    ares_cancel(first.channel);
    if (second) ares_cancel(second->channel);
    queries.clear();
    rest();
  }

  asio::io_context& loop;
  deadline_list& deadlines;
  std::string settings_file;  ///< instead of /etc/resolv.conf, unless empty
  std::string servers;        ///< instead of its name servers, unless empty
  hosts_file hosts;
  std::size_t waiters = 0;  ///< look-ups waiting, over all queries
  std::unordered_map<int, std::shared_ptr<watched>> sockets;
  std::unordered_map<std::string, std::shared_ptr<dns_query>> queries;
  std::deque<std::shared_ptr<dns_query>> held_back;
  int credit = burst;  ///< queries that may leave before the next tick
  pacer pace{*this};
  std::size_t under_way = 0;
  std::size_t allowed_under_way = most_under_way;
  clock::time_point last_cut{};
  double retry_tokens = free_query_retries;
  std::vector<std::pair<clock::time_point, std::shared_ptr<dns_query>>> later;  ///< queries that are sent again
  resender resend{*this};
  dns_cache cache;
  asker first;                    ///< last of all: its end ends queries
  std::unique_ptr<asker> second;  ///< made when it is needed
};

lookup::lookup(resolver& names, const std::string& host, notifier& wake) : names_(names), host_(host), wake_(wake) {
  const auto fill = [this](const address_list& known) {
    auto found4 = std::make_shared<dns_answer>(), found6 = std::make_shared<dns_answer>();
    found4->status = found6->status = ARES_ENODATA;
    for (const auto& each : known) (each.is_v4() ? found4 : found6)->addresses.push_back(each);
    v4_.answer = std::move(found4);
    v6_.answer = std::move(found6);
  };
  if (const address_list known = known_addresses(host); !known.empty()) {
    fill(known);
    return;
  }
  auto& channel = names.channel();
  if (const address_list* const named = channel.hosts.find(host, clock::now())) {
    fill(*named);
    return;
  }
  channel.join(*this, v6_, family::v6);
  channel.join(*this, v4_, family::v4);
}

lookup::~lookup() {
  for (one_family* const each : {&v4_, &v6_})
    if (each->query && names_.impl_) names_.impl_->leave(*this, *each->query);
}

void lookup::settle(family kind, std::shared_ptr<const dns_answer> answer) noexcept {
  one_family& half = kind == family::v4 ? v4_ : v6_;
  half.answer = std::move(answer);
  half.query.reset();
  wake_.notify();
}

const address_list& lookup::addresses(family kind) const noexcept {
  static const address_list none;
  const auto& answer = half(kind).answer;
  return answer ? answer->addresses : none;
}

std::string lookup::failure() const {
  // Whatever says more than "no such record" is the better explanation.
  const int status = v4_.answer->status;
  return describe(host_, status == ARES_ENODATA ? v6_.answer->status : status);
}

resolver::resolver(asio::io_context& loop, deadline_list& deadlines) : loop_(loop), deadlines_(deadlines) {}
resolver::~resolver() = default;
resolver::impl& resolver::channel() {
  if (!impl_) impl_ = std::make_unique<impl>(loop_, deadlines_, std::string{});
  return *impl_;
}

void resolver::use_servers(const std::string& servers) {
  const int status = channel().first.use(servers);
  if (status != ARES_SUCCESS)
    throw error(failure_kind::dns,
                fmt::format("the name servers '{}' cannot be used: {}", servers, ares_strerror(status)));
  channel().servers = servers;
}

void resolver::use_settings_file(const std::string& path) {
  impl_ = std::make_unique<impl>(loop_, deadlines_, path);
}

void resolver::use_hosts_file(const std::string& path) {
  channel().hosts = hosts_file(path);
}

std::size_t resolver::waiting() const noexcept {
  return impl_ ? impl_->waiters : 0;
}

std::size_t resolver::under_way() const noexcept {
  return impl_ ? impl_->under_way : 0;
}

void resolver::shut_down() noexcept {
  impl_.reset();
}

}  // namespace fanout::http
