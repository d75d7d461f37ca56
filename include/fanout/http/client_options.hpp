#pragma once

#include <fanout/base/saturated_time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The settings of a client.
namespace fanout::http {

class cookie_jar;

enum class tls_version { v1_2, v1_3 };
/// Which addresses of a host are connected to.
enum class address_family { any, v4, v6 };

/// Which versions of HTTP a client speaks.
enum class http_versions {
  http_1_1,                ///< 1.1 alone
  http_2,                  ///< over TLS 2 or 1.1, as the server chooses (ALPN, RFC 7301); without TLS 1.1
  http_2_prior_knowledge,  ///< 2 alone, without asking (RFC 9113 section 3.3); 1.1 with a proxy that reads requests
};

/// What a client allows and how long it waits. Every deadline fails with kind `timeout` and a message of its own.
struct client_options {
  using milliseconds = any_duration<std::chrono::milliseconds>;  ///< made of any duration

  milliseconds connect_timeout{30'000};  ///< name look-up, TCP connection and TLS handshake together
  milliseconds idle_timeout{60'000};     ///< between two moments at which bytes moved
  milliseconds total_timeout{300'000};   ///< the whole exchange with its redirects and retry
  // Deadlines for single phases; 0 leaves the phase to the three above.
  milliseconds queue_timeout{0};             ///< for one of the connections the limits allow to come free
  milliseconds resolve_timeout{0};           ///< name look-up
  milliseconds tls_timeout{0};               ///< TLS handshake
  milliseconds first_byte_timeout{0};        ///< from the request's last byte to the response's first
  std::uint64_t low_speed_bytes_per_s = 50;  ///< a transfer that is slower, over a whole window, fails; 0: none does
  milliseconds low_speed_window{60'000};
  http_versions http_version = http_versions::http_2;
  std::size_t max_streams_per_connection = 100;  ///< requests at a time on one of HTTP/2; fewer if the server says so
  // Where connections lead. Connections are shared only by clients that agree on all of these.
  bool public_only = false;               ///< refuses addresses that are not public: loopback, private, link-local, ...
  std::vector<std::string> resolve = {};  ///< "host:port:address[,address]", as curl's --resolve; host "*" is any
  std::vector<std::string> connect_to = {};  ///< "host:port:host2:port2", as curl's --connect-to; not through a proxy
  std::string interface = {};  ///< device, or address of this machine, that connections leave by, as curl's --interface
  address_family family = address_family::any;  ///< as curl's -4 and -6; a proxy chooses for itself
  std::string unix_socket = {};         ///< path of the socket that all connections go to, as curl's --unix-socket
  std::string proxy = {};               ///< "[scheme://][user:password@]host[:port]": http, https, socks5, socks5h
  std::string no_proxy = {};            ///< hosts reached without it: "name,address/bits,..."; "*" is all
  bool proxy_from_environment = false;  ///< http_proxy, https_proxy, all_proxy and no_proxy, read as curl reads them
  std::size_t max_connections = 0;      ///< open on each loop, idle ones included; who needs more waits. 0: no limit
  std::size_t max_connections_per_host = 0;   ///< the same, to one host or proxy
  std::size_t max_header_bytes = 256 * 1024;  ///< names and values of all response headers together
  std::size_t max_header_count = 1024;        ///< response header fields
  std::uint64_t max_body_bytes = 1ull << 30;  ///< of one response, coded and decoded
  int max_redirects = 10;                     ///< 0: the redirect itself is the response
  bool keep_redirect_bodies = false;          ///< as far as they come by the way; an observer of the request sees them
  bool redirect_referer = false;              ///< a request that follows a redirect names its page as Referer
  bool keep_post_301 = false;                 ///< a POST that 301 redirects stays one, with its body; otherwise a GET
  bool keep_post_302 = false;                 ///< the same of 302
  bool keep_post_303 = false;                 ///< the same of 303
  bool redirects_to_http = true;              ///< false: a redirect to http is an error
  bool redirects_to_https = true;             ///< false: a redirect to https is an error
  /// Credentials and cookies of the request's own go wherever redirects lead, as with curl's --location-trusted: to
  /// other hosts, and over http where the page was https.
  bool trust_redirects = false;
  std::string user_agent = {};                    ///< empty: fanout/VERSION
  std::size_t max_idle_connections = 4096;        ///< open and unused, on each loop
  std::size_t max_idle_per_host = 1024;           ///< the same, for one scheme, host, port and TLS settings
  milliseconds idle_connection_lifetime{60'000};  ///< unused for longer, a connection is closed

  // Content codings, and requests with `Expect: 100-continue`.
  bool decode_content = true;                     ///< ask for gzip, deflate, br and zstd, and undo them; false: neither
  bool keep_coding = false;                       ///< ask for them, and leave bodies as they came: for an archive
  std::size_t max_content_codings = 3;            ///< one over another
  std::uint32_t max_decoding_ratio = 256;         ///< decoded over coded bytes, beyond the floor below; 0: any
  std::uint64_t decoding_ratio_floor = 64 << 20;  ///< decoded bytes of one response up to which no ratio is too high
  milliseconds continue_timeout{1000};            ///< for the server's 100; then the body is sent anyway

  // TLS. Files are read once a process, when the first connection needs them. An https proxy is somebody else than the
  // servers behind it: of these settings only the least version and resumption count for the connection to it.
  bool verify_tls = true;             ///< false accepts any certificate
  std::string ca_file = {};           ///< PEM file of the issuers to trust instead of the system's
  std::string certificate_file = {};  ///< PEM chain shown to servers that ask for a client certificate
  std::string key_file = {};          ///< PEM key of `certificate_file`; empty: it is in that file, too
  tls_version min_tls_version = tls_version::v1_2;
  bool verify_proxy_tls = true;    ///< false accepts any certificate of an https proxy
  std::string proxy_ca_file = {};  ///< PEM file of the issuers trusted for it instead of the system's
  bool resume_tls = true;          ///< whether a connection may take up the TLS session of an earlier one

  // Who asks. `authorization` goes to the origin of the request's own URL, and not where a redirect leads elsewhere. A
  // request's own Authorization header goes before it, and so does the user its URL names.
  std::string digest = {};         ///< "user:password" for servers that ask for Digest (RFC 7616)
  bool basic_if_asked = false;     ///< also for those that ask for Basic and not for Digest, as curl's --anyauth
  std::string authorization = {};  ///< the header's value: `basic_auth`, `bearer_auth`
  /// Value of Authorization for a host, empty for none: for all hosts, also those that redirects lead to, where nothing
  /// else has one. Called while requests are made, on any thread. Such as what a .netrc file says.
  std::function<std::string(std::string_view host)> authorization_of = {};
  std::shared_ptr<cookie_jar> cookies = nullptr;  ///< null: cookies are neither kept nor sent
};

}  // namespace fanout::http
