#pragma once

#include <fanout/http/client_options.hpp>

#include "http/connect/local_side.hpp"
#include "http/dns/dns_cache.hpp"
#include "http/pool/session_pool.hpp"
#include "http/proxy/proxy.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

/// \file
/// How connections are made.
namespace fanout::http {

class tls_context;
class transport;

/// The way to one URL.
struct route {
  const transport* by = nullptr;
  const tls_context* tls = nullptr;        ///< for the connection to the URL's host; null when it is plain
  const proxy_server* proxy = nullptr;     ///< null: none
  const tls_context* proxy_tls = nullptr;  ///< for the connection to the proxy, if that is an https one
  pool_key_view key{};                     ///< of connections that lead there
  bool in_absolute_form = false;           ///< the proxy reads the requests
  bool may_multiplex = false;              ///< HTTP/2 may be spoken there
};

/// The settings of a client that say where its connections lead: proxies and TLS with them, unix socket, given
/// addresses, address policy, versions of HTTP.
/// Equal settings are one object, for good, so its address stands for them in a pool key. Thread-safe: never changes.
class transport {
 public:
  /// Throws a `fanout::error` of kind `invalid_request` for settings that cannot be used.
  static const transport& shared(const client_options& options);

  explicit transport(const client_options& options);

  /// `tls`: the client's settings for servers. The route refers to `to`, which must outlive it.
  route to(const url& to, const tls_context* tls) const;

  http_versions versions() const noexcept { return versions_; }
  std::size_t most_streams() const noexcept { return most_streams_; }
  bool public_only() const noexcept { return public_only_; }
  /// The socket all connections go to; empty: none.
  const std::string& unix_socket() const noexcept { return unix_socket_; }
  /// The addresses that were given for a host and port; null when there are none.
  const address_list* given_addresses(std::string_view host, std::uint16_t port) const noexcept;
  /// The host and port to connect to instead of these: the first entry of `client_options::connect_to` that names them.
  std::pair<std::string, std::uint16_t> instead_of(std::string host, std::uint16_t port) const;
  address_family family() const noexcept { return family_; }
  /// What sockets are bound to before they connect.
  const local_side& from() const noexcept { return from_; }

 private:
  struct given {
    std::string host;  ///< "*": any
    std::uint16_t port;
    address_list addresses;
  };
  struct detour {
    std::string host;        ///< empty: any
    std::uint16_t port;      ///< 0: any
    std::string other_host;  ///< empty: the same
    std::uint16_t other_port;
  };
  void add_detour(const std::string& entry);

  proxy_rules proxies_;
  std::vector<detour> detours_;
  local_side from_;
  address_family family_;
  std::vector<given> given_;
  std::string unix_socket_;
  http_versions versions_;
  std::size_t most_streams_;  ///< on one connection
  bool public_only_;
  bool plain_;  ///< no proxies and no socket
  std::shared_ptr<const tls_context> proxy_tls_;
};

}  // namespace fanout::http
