#include "http/connect/dial.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/exchange_observer.hpp>

#include "http/connect/connection_race.hpp"
#include "http/dns/address_order.hpp"
#include "http/dns/address_policy.hpp"
#include "http/loop/loop_state.hpp"

#include <fmt/format.h>

#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace fanout::http {
namespace {

using clock = std::chrono::steady_clock;

// RFC 8305 section 3: how long IPv4 addresses wait for the answer about IPv6.
constexpr std::chrono::milliseconds resolution_delay{50};
// A unix socket whose backlog is full says EAGAIN, and nothing tells when it no longer is.
constexpr std::chrono::milliseconds between_unix_attempts{5};

std::string_view no_reject_reason(const asio::ip::address&) {
  return {};
}

std::string whom(const connect_context& context) {
  const proxy_server* const proxy = context.via.proxy;
  return proxy ? fmt::format("the proxy {} for {}", proxy->name, context.peer()) : context.peer();
}

[[noreturn]] void refuse_address(const connect_context& context, const std::string& why) {
  throw error(failure_kind::refused_by_policy,
              fmt::format("no connection to {}: {}, and only public addresses are allowed", context.peer(), why));
}

bool fits(const asio::ip::address& address, address_family wanted) {
  return wanted == address_family::any || address.is_v6() == (wanted == address_family::v6);
}

address_list fitting(const address_list& all, address_family wanted) {
  address_list some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), [&](const auto& each) { return fits(each, wanted); });
  return some;
}

// Both families are asked at once, and an answer that nobody wants is not waited for.
bool settled(const lookup& names, address_family wanted) {
  if (wanted == address_family::any) return names.done();
  return names.done() || names.answered(wanted == address_family::v6 ? family::v6 : family::v4);
}

[[noreturn]] void raise_no_address(const lookup& names, std::string_view host, address_family wanted) {
  // It may have addresses of the other family, and the look-up may not know yet.
  if (wanted != address_family::any)
    throw error(failure_kind::dns, fmt::format("{} has no IPv{} address", host, wanted == address_family::v6 ? 6 : 4));
  throw error(failure_kind::dns, names.failure());
}

address_list addresses_of(const lookup& names, std::string_view host, address_family wanted) {
  if (wanted != address_family::any) return names.addresses(wanted == address_family::v6 ? family::v6 : family::v4);
  // This machine's own name means IPv4 first: few servers on it listen on both.
  if (is_localhost(host)) {
    address_list both = names.addresses(family::v4);
    both.insert(both.end(), names.addresses(family::v6).begin(), names.addresses(family::v6).end());
    return both;
  }
  return in_turn(names.addresses(family::v6), names.addresses(family::v4));
}

}  // namespace

std::string connect_context::peer() const {
  return target.host_and_port();
}

std::string host_to_dial(const url& target) {
  std::string host(target.host());
  if (target.zone().empty()) return host;
  const std::string zone(target.zone());
  const bool is_number = std::all_of(zone.begin(), zone.end(), [](char c) { return c >= '0' && c <= '9'; });
  const unsigned index = ::if_nametoindex(zone.c_str());
  if (index == 0 && !is_number)
    throw error(failure_kind::connect, fmt::format("no connection to {}: this machine has no network interface '{}'",
                                                   target.authority(), printable(zone)));
  return host.append("%").append(index == 0 ? zone : std::to_string(index));
}

void connect_context::resumed(boost::system::error_code waited) const {
  if (const expiry passed = timer.resumed(waited); passed != expiry::none)
    throw error(failure_kind::timeout, timer.limits().describe(passed, peer(), "while connecting"));
}

task<std::unique_ptr<session>> dial(const connect_context& context, notifier& wake, std::string host,
                                    std::uint16_t port, bool checked) {
  loop_state& loop = context.loop;
  connection_race race(loop.sockets(), loop.deadlines(), loop.pool(), port, checked ? why_not_public : no_reject_reason,
                       wake);
  const transport& by = *context.via.by;
  const address_family wanted = by.family();
  race.leave_by(by.from());
  race.tell(context.observer);
  const address_list* const given = by.given_addresses(host, port);
  std::optional<lookup> names;
  notifying_deadline delay(wake);
  if (given) {
    race.try_in_order(fitting(*given, wanted));
  } else {
    if (context.observer) context.observer->on_lookup(host);
    names.emplace(loop.names(), host, wake);
    context.timer.enter(phase::resolving, request_timer::wait_handle(wake));
  }
  for (bool racing = given != nullptr;;) {
    if (names) {
      const bool v6_settled = names->answered(family::v6) || delay.passed;
      if (!names->done() && !v6_settled && !names->addresses(family::v4).empty() && !delay.armed())
        loop.deadlines().arm(delay, clock::now() + resolution_delay);
      const bool begin = settled(*names, wanted) || !names->addresses(family::v6).empty() ||
                         (v6_settled && !names->addresses(family::v4).empty());
      racing = racing || begin;
      if (racing) race.try_in_order(addresses_of(*names, host, wanted));
    }
    if (racing) {
      if (race.step()) break;
      if (!race.lost()) context.timer.enter(phase::connecting, request_timer::wait_handle(wake));
      const bool no_more = !names || settled(*names, wanted);
      if (no_more && race.lost()) {
        if (race.refused_only()) refuse_address(context, race.failures());
        if (names && race.failures().empty()) raise_no_address(*names, host, wanted);
        throw error(failure_kind::connect, fmt::format("no connection to {} ({})", whom(context), race.failures()));
      }
    }
    auto woken = wake.wait();
    co_await std::move(woken);
    context.resumed({});
  }
  auto result = std::make_unique<session>(race.take_winner());
  result->wire.remote_address = race.winner_address();
  co_return result;
}

task<asio::ip::address> first_address(const connect_context& context, notifier& wake, std::string host,
                                      std::uint16_t port, bool checked) {
  address_list found;
  if (const address_list* const given = context.via.by->given_addresses(host, port)) {
    found = fitting(*given, context.via.by->family());
  } else {
    lookup names(context.loop.names(), host, wake);
    context.timer.enter(phase::resolving, request_timer::wait_handle(wake));
    const address_family wanted = context.via.by->family();
    while (!settled(names, wanted)) {
      auto woken = wake.wait();
      co_await std::move(woken);
      context.resumed({});
    }
    found = addresses_of(names, host, wanted);
    if (found.empty()) raise_no_address(names, host, wanted);
  }
  std::string why;
  for (const auto& each : found) {
    const auto reject_reason = checked ? why_not_public(each) : std::string_view{};
    if (reject_reason.empty()) co_return each;
    why += fmt::format("{}{} is {}", why.empty() ? "" : ", ", each.to_string(), reject_reason);
  }
  refuse_address(context, why);
}

task<std::unique_ptr<session>> dial_unix(const connect_context& context, notifier& wake, std::string path) {
  loop_state& loop = context.loop;
  detail::owned_descriptor descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int error = descriptor ? 0 : errno;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, path.data(), path.size());  // transport saw to it that it fits
  context.timer.enter(phase::connecting, request_timer::wait_handle(wake));
  notifying_deadline again(wake);
  while (error == 0 && ::connect(descriptor.value(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    if (errno != EAGAIN) {
      error = errno;
      break;
    }
    loop.deadlines().arm(again, clock::now() + between_unix_attempts);
    auto woken = wake.wait();
    co_await std::move(woken);
    context.resumed({});
  }
  if (error != 0)
    throw fanout::error(failure_kind::connect,
                        fmt::format("no connection to the unix socket {} for {}: {}", path, context.peer(),
                                    boost::system::system_category().message(error)));
  auto result = std::make_unique<session>(polled_socket(loop.sockets(), std::move(descriptor)));
  result->wire.remote_address = "unix:" + path;
  co_return result;
}

}  // namespace fanout::http
