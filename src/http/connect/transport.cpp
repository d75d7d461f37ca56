#include "http/connect/transport.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/message/host.hpp"
#include "http/tls/tls_context.hpp"

#include <fmt/format.h>

#include <sys/un.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <mutex>

namespace fanout::http {
namespace {

const char* variable(const char* name) {
  return std::getenv(name);  // NOLINT(concurrency-mt-unsafe): as any program that reads its environment
}

[[noreturn]] void refuse_entry(std::string_view entry, std::string_view why) {
  throw error(
      failure_kind::invalid_request,
      fmt::format("'{}' gives no addresses for a host: {}; write HOST:PORT:ADDRESS[,ADDRESS]", printable(entry), why));
}

// "[::1]" and "::1" are the same.
std::string_view without_brackets(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  return text;
}

// As URLs have it: in lower case, in ASCII, without a dot at its end.
std::string given_host(std::string_view entry, std::string_view written) {
  if (written == "*") return "*";
  if (written.find_first_of("/?#@\\") != written.npos) refuse_entry(entry, "the host is none");
  try {
    const url parsed(fmt::format("http://{}", written));
    return std::string(without_trailing_dot(parsed.host()));
  } catch (const error& wrong) {
    refuse_entry(entry, wrong.what());
  }
}

[[noreturn]] void refuse_detour(std::string_view entry, std::string_view why) {
  throw error(failure_kind::invalid_request,
              fmt::format("'{}' does not say what to connect to instead: {}; write HOST1:PORT1:HOST2:PORT2, of which "
                          "each part may be empty",
                          printable(entry), why));
}

// Takes "HOST:" off the front of `rest`, without the brackets of an IPv6 address.
std::string_view take_host(std::string_view entry, std::string_view& rest) {
  const std::size_t end = rest.find(':', rest.starts_with('[') ? rest.find(']') : 0);
  if (end == rest.npos) refuse_detour(entry, "a ':' is missing");
  const std::string_view host = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return host;
}

// An empty port is 0.
std::uint16_t detour_port(std::string_view entry, std::string_view digits) {
  if (digits.empty()) return 0;
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size() || port == 0)
    refuse_detour(entry, "a port is not a number from 1 to 65535");
  return port;
}

}  // namespace

const transport& transport::shared(const client_options& options) {
  static std::mutex lock;
  static std::map<std::string, std::unique_ptr<const transport>> all;
  // Each part with its size before it: no two lists of settings make the same key.
  std::string key = options.public_only ? "public" : "any";
  const auto add = [&key](std::string_view part) { key.append(fmt::format(" {}:", part.size())).append(part); };
  for (const auto& each : {options.unix_socket, options.proxy, options.no_proxy}) add(each);
  const tls_settings to_proxy = tls_settings::of_proxy(options);
  add(to_proxy.ca_file);
  add(fmt::format("{}{}{}", to_proxy.verify, to_proxy.least == tls_version::v1_3, to_proxy.resume));
  // What environment variables say belongs to the settings: it may change while a program runs.
  for (const char* const name :
       {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"}) {
    const char* const value = options.proxy_from_environment ? variable(name) : nullptr;
    add(value ? value : "");
  }
  add(fmt::format("{} {}", static_cast<int>(options.http_version), options.max_streams_per_connection));
  add(fmt::format("{} {} {}", static_cast<int>(options.family), options.resolve.size(), options.connect_to.size()));
  add(options.interface);
  for (const auto& each : options.resolve) add(each);
  for (const auto& each : options.connect_to) add(each);
  const std::lock_guard guard(lock);
  auto& found = all[key];
  if (!found) found = std::make_unique<const transport>(options);
  return *found;
}

transport::transport(const client_options& options)
    : proxies_(make_proxy_rules(options.proxy, options.no_proxy, options.proxy_from_environment, variable)),
      from_(options.interface),
      family_(options.family),
      unix_socket_(options.unix_socket),
      versions_(options.http_version),
      most_streams_(options.max_streams_per_connection),
      public_only_(options.public_only),
      proxy_tls_(tls_context::shared(tls_settings::of_proxy(options))) {
  if (unix_socket_.size() >= sizeof(sockaddr_un::sun_path) || unix_socket_.find('\0') != std::string::npos)
    throw error(failure_kind::invalid_request,
                fmt::format("the path of the unix socket '{}' is longer than {} bytes, or has a NUL in it",
                            printable(unix_socket_), sizeof(sockaddr_un::sun_path) - 1));
  plain_ = unix_socket_.empty() && !proxies_.for_http && !proxies_.for_https;
  for (const std::string& each : options.connect_to) add_detour(each);
  for (const std::string& each : options.resolve) {
    std::string_view entry = each;
    if (entry.starts_with('+')) entry.remove_prefix(1);  // curl's mark of an entry that ages
    const std::size_t host_end = entry.find(':', entry.starts_with('[') ? entry.find(']') : 0);
    const std::size_t port_end = host_end == entry.npos ? entry.npos : entry.find(':', host_end + 1);
    if (port_end == entry.npos) refuse_entry(each, "a ':' is missing");
    given one{given_host(each, entry.substr(0, host_end)), 0, {}};
    const std::string_view digits = entry.substr(host_end + 1, port_end - host_end - 1);
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), one.port);
    if (failed != std::errc{} || end != digits.data() + digits.size() || one.port == 0)
      refuse_entry(each, "the port is not a number from 1 to 65535");
    for (std::string_view rest = entry.substr(port_end + 1);;) {
      const std::size_t comma = rest.find(',');
      boost::system::error_code malformed;
      one.addresses.push_back(
          boost::asio::ip::make_address(std::string(without_brackets(rest.substr(0, comma))), malformed));
      if (malformed) refuse_entry(each, "what should be an address is none");
      if (comma == rest.npos) break;
      rest.remove_prefix(comma + 1);
    }
    given_.push_back(std::move(one));
  }
}

void transport::add_detour(const std::string& entry) {
  std::string_view rest = entry;
  const std::string_view host = take_host(entry, rest);
  const std::size_t port_end = rest.find(':');
  if (port_end == rest.npos) refuse_detour(entry, "a ':' is missing");
  const std::uint16_t port = detour_port(entry, rest.substr(0, port_end));
  rest.remove_prefix(port_end + 1);
  const std::string_view other_host = take_host(entry, rest);
  const auto as_in_urls = [&](std::string_view written) {
    return written.empty() ? std::string() : given_host(entry, written);
  };
  detours_.push_back({as_in_urls(host), port, as_in_urls(other_host), detour_port(entry, rest)});
}

std::pair<std::string, std::uint16_t> transport::instead_of(std::string host, std::uint16_t port) const {
  for (const detour& each : detours_) {
    if ((!each.host.empty() && each.host != without_trailing_dot(host)) || (each.port != 0 && each.port != port))
      continue;
    if (!each.other_host.empty()) host = each.other_host;
    return {std::move(host), each.other_port == 0 ? port : each.other_port};
  }
  return {std::move(host), port};
}

route transport::to(const url& to, const tls_context* tls) const {
  route way;
  way.by = this;
  way.tls = to.secure() ? tls : nullptr;
  way.key = {to.origin(), way.tls, this};
  way.may_multiplex =
      versions_ == http_versions::http_2_prior_knowledge || (versions_ == http_versions::http_2 && way.tls);
  if (plain_ || !unix_socket_.empty()) return way;
  way.proxy = proxies_.find(to);
  if (!way.proxy) return way;
  if (way.proxy->kind == proxy_kind::https) way.proxy_tls = proxy_tls_.get();
  if (!way.proxy->tunnels(to)) {
    way.in_absolute_form = true;
    way.may_multiplex = false;
    way.key.peer = way.proxy->name;
    way.key.tls = way.proxy_tls;
  }
  return way;
}

const address_list* transport::given_addresses(std::string_view host, std::uint16_t port) const noexcept {
  for (const given& each : given_)
    if (each.port == port && (each.host == "*" || each.host == without_trailing_dot(host))) return &each.addresses;
  return nullptr;
}

}  // namespace fanout::http
