#pragma once

#include <fanout/http/request.hpp>
#include <fanout/http/url.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Which proxy a request goes through.
namespace fanout::http {

enum class proxy_kind : std::uint8_t {
  http,     ///< HTTP in absolute form; CONNECT for https
  https,    ///< the same over TLS
  socks5,   ///< RFC 1928, host names looked up here
  socks5h,  ///< the same, host names looked up by the proxy
};

struct proxy_server {
  proxy_kind kind = proxy_kind::http;
  std::string host;
  std::uint16_t port = 0;
  std::string user;  ///< percent-encoding removed; `has_user` tells an empty one from none
  std::string password;
  bool has_user = false;
  std::string name;           ///< "scheme://host:port", for messages and as a pool key
  std::string authorization;  ///< the value of Proxy-Authorization; empty without a user

  /// Whether a connection through it to `to` is a tunnel, made before the first request. Otherwise the proxy itself
  /// reads the requests, and one connection serves many hosts.
  bool tunnels(const url& to) const noexcept {
    return to.secure() || kind == proxy_kind::socks5 || kind == proxy_kind::socks5h;
  }
};

/// Reads "[scheme://][user[:password]@]host[:port]" as curl's --proxy: without a scheme it is an http proxy, without a
/// port 1080 (443 for https). Throws a `fanout::error` of kind `invalid_request` that says what is wrong.
proxy_server parse_proxy(std::string_view text);

/// The hosts that are reached without a proxy, in curl's syntax: names with their subdomains, addresses and CIDR
/// blocks, separated by commas or blanks; "*" alone is all hosts.
class no_proxy_list {
 public:
  no_proxy_list() = default;
  explicit no_proxy_list(std::string_view text);
  /// `host` as `url::host()` gives it.
  bool contains(std::string_view host) const;

 private:
  std::vector<std::string> entries_;
  bool all_ = false;
};

/// The proxies of one client.
struct proxy_rules {
  std::optional<proxy_server> for_http;
  std::optional<proxy_server> for_https;
  no_proxy_list except;

  /// Null: none.
  const proxy_server* find(const url& to) const;
};

/// How the environment is read; as `std::getenv`.
using environment = const char* (*)(const char* name);

/// `proxy`: the one proxy for everything; if it is empty and `from_environment`, those of http_proxy, https_proxy and
/// all_proxy. Lower case is looked at first, and http_proxy in lower case only: a CGI program finds the request's
/// header "Proxy" in HTTP_PROXY, so strangers could set it. no_proxy holds for both, unless `no_proxy` is given.
proxy_rules make_proxy_rules(const std::string& proxy, const std::string& no_proxy, bool from_environment,
                             environment variable);

/// Changes a request's head to the form in which a proxy reads requests (RFC 9112 section 3.2.2): the whole URL as its
/// target, and the proxy's own credentials unless the request brings some.
void rewrite_for_proxy(std::string& head, const request& what, const proxy_server& proxy);

}  // namespace fanout::http
