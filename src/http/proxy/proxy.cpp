#include "http/proxy/proxy.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/message/host.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

#include <charconv>

namespace fanout::http {
namespace {

namespace ip = boost::asio::ip;

// Credentials stay out of messages.
[[noreturn]] void refuse_proxy(std::string_view text, std::string_view why) {
  const std::size_t at = text.rfind('@');
  throw error(failure_kind::invalid_request, fmt::format("the proxy '{}' cannot be used: {}",
                                                         printable(at == text.npos ? text : text.substr(at + 1)), why));
}

std::optional<proxy_kind> kind_of(std::string_view scheme) {
  if (equal_ignoring_case(scheme, "http")) return proxy_kind::http;
  if (equal_ignoring_case(scheme, "https")) return proxy_kind::https;
  if (equal_ignoring_case(scheme, "socks5")) return proxy_kind::socks5;
  if (equal_ignoring_case(scheme, "socks5h")) return proxy_kind::socks5h;
  return std::nullopt;
}

std::string_view name_of(proxy_kind kind) {
  switch (kind) {
    case proxy_kind::http:
      return "http";
    case proxy_kind::https:
      return "https";
    case proxy_kind::socks5:
      return "socks5";
    case proxy_kind::socks5h:
      return "socks5h";
  }
  return {};
}

// Whether `block`, "address" or "address/bits", holds `address`.
bool in_block(std::string_view block, const ip::address& address) {
  const std::size_t slash = block.find('/');
  boost::system::error_code failed;
  const auto base = ip::make_address(std::string(block.substr(0, slash)), failed);
  if (failed || base.is_v4() != address.is_v4()) return false;
  if (slash == block.npos) return base == address;
  const std::string_view digits = block.substr(slash + 1);
  int bits = -1;
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  if (wrong != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > (base.is_v4() ? 32 : 128))
    return false;
  if (base.is_v4())
    return ip::network_v4(base.to_v4(), static_cast<unsigned short>(bits)).canonical() ==
           ip::network_v4(address.to_v4(), static_cast<unsigned short>(bits)).canonical();
  return ip::network_v6(base.to_v6(), static_cast<unsigned short>(bits)).canonical() ==
         ip::network_v6(address.to_v6(), static_cast<unsigned short>(bits)).canonical();
}

}  // namespace

proxy_server parse_proxy(std::string_view text) {
  proxy_server result;
  std::string_view rest = text;
  if (const std::size_t mark = text.find("://"); mark != text.npos) {
    const std::string_view scheme = text.substr(0, mark);
    const auto kind = kind_of(scheme);
    if (!kind)
      refuse_proxy(text, fmt::format("the scheme '{}' is none of http, https, socks5 and socks5h", printable(scheme)));
    result.kind = *kind;
    rest.remove_prefix(mark + 3);
  }
  rest = rest.substr(0, rest.find_first_of("/?#"));
  // What is left is read as the authority of a URL, by the one parser there is.
  url parsed;
  try {
    parsed = url("http://" + std::string(rest));
  } catch (const error& wrong) {
    refuse_proxy(text, wrong.what());
  }
  const std::string_view after_user = rest.substr(rest.rfind('@') + 1);
  const bool port_given = after_user.find(':', after_user.starts_with('[') ? after_user.find(']') : 0) != rest.npos &&
                          !after_user.ends_with(':');
  if (!parsed.zone().empty()) refuse_proxy(text, "an address with a zone is for servers alone");
  result.host = parsed.host();
  result.port = port_given ? parsed.port() : result.kind == proxy_kind::https ? 443 : 1080;
  if (const std::string& both = parsed.userinfo(); !both.empty()) {
    const std::size_t colon = both.find(':');
    result.has_user = true;
    result.user = both.substr(0, colon);
    if (colon != both.npos) result.password = both.substr(colon + 1);
    if (result.user.size() > 255 || result.password.size() > 255)
      refuse_proxy(text, "its user name or password is longer than 255 bytes");
    result.authorization = "Basic " + base64(result.user + ":" + result.password);
  }
  const bool v6 = result.host.find(':') != std::string::npos;
  result.name =
      fmt::format("{}://{}:{}", name_of(result.kind), v6 ? "[" + result.host + "]" : result.host, result.port);
  return result;
}

no_proxy_list::no_proxy_list(std::string_view text) {
  all_ = text == "*";
  constexpr std::string_view separators = ", \t";
  for (std::size_t at = 0; !all_ && (at = text.find_first_not_of(separators, at)) != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(separators, at), text.size());
    std::string_view entry = without_trailing_dot(text.substr(at, end - at));
    if (entry.starts_with('.')) entry.remove_prefix(1);
    if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
    if (!entry.empty()) entries_.emplace_back(entry);
    at = end;
  }
}

bool no_proxy_list::contains(std::string_view host) const {
  if (all_) return true;
  if (entries_.empty()) return false;
  boost::system::error_code is_a_name;
  const auto address = ip::make_address(std::string(host), is_a_name);
  host = without_trailing_dot(host);
  for (const std::string& entry : entries_) {
    if (!is_a_name) {
      if (in_block(entry, address)) return true;
    } else if (host.size() >= entry.size() && equal_ignoring_case(host.substr(host.size() - entry.size()), entry) &&
               (host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.')) {
      return true;
    }
  }
  return false;
}

const proxy_server* proxy_rules::find(const url& to) const {
  const auto& found = to.secure() ? for_https : for_http;
  return found && !except.contains(to.host()) ? &*found : nullptr;
}

proxy_rules make_proxy_rules(const std::string& proxy, const std::string& no_proxy, bool from_environment,
                             environment variable) {
  // An empty variable counts as none.
  const auto first_of = [&](std::initializer_list<const char*> names) -> std::string {
    if (from_environment)
      for (const char* const name : names)
        if (const char* const value = variable(name); value && *value) return value;
    return {};
  };
  proxy_rules rules;
  rules.except = no_proxy_list(no_proxy.empty() ? first_of({"no_proxy", "NO_PROXY"}) : no_proxy);
  const std::string plain = proxy.empty() ? first_of({"http_proxy", "all_proxy", "ALL_PROXY"}) : proxy;
  const std::string secure = proxy.empty() ? first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) : proxy;
  if (!plain.empty()) rules.for_http = parse_proxy(plain);
  if (!secure.empty()) rules.for_https = parse_proxy(secure);
  return rules;
}

void rewrite_for_proxy(std::string& head, const request& what, const proxy_server& proxy) {
  head.insert(what.method.size() + 1, fmt::format("{}://{}", what.url.scheme(), what.url.host_header()));
  if (proxy.authorization.empty() || what.headers.contains("proxy-authorization")) return;
  head.insert(head.find("\r\n") + 2, fmt::format("Proxy-Authorization: {}\r\n", proxy.authorization));
}

}  // namespace fanout::http
