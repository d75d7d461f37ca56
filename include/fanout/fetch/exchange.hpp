#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The task of a bulk fetch: one URL in, one record out, in any process.
namespace fanout::http {
class cookie_jar;
struct skipped_lines;
}  // namespace fanout::http

namespace fanout::fetch {

/// What all exchanges of one fetch have in common; sent once to each worker process.
struct settings {
  std::int64_t timeout_ms = 300'000;          ///< the whole exchange with its redirects
  std::int64_t connect_timeout_ms = 30'000;   ///< look-up, connection and TLS handshake
  std::uint64_t max_body_bytes = 1ULL << 30;  ///< of one response
  std::int64_t idle_timeout_ms = 60'000;      ///< between two moments at which bytes moved
  std::int32_t max_redirects = 10;            ///< 0: the redirect itself is the response
  bool decode_content = true;                 ///< ask for compression and undo it
  bool verify_tls = true;
  std::string ca_file;                       ///< PEM file of the issuers to trust instead of the system's
  std::string certificate_file;              ///< PEM chain of the client certificate
  std::string key_file;                      ///< its key; empty: it is in the same file
  std::string authorization;                 ///< value of Authorization, for the origin of each URL
  bool use_cookies = false;                  ///< keep cookies and send them back; every process has a jar of its own
  std::string cookie_file;                   ///< which the jar begins with; empty: it begins empty
  std::string body_file;                     ///< sent where a request has no body of its own
  bool public_only = false;                  ///< refuse addresses that are not public
  std::vector<std::string> resolve;          ///< "host:port:address[,address]"
  std::string proxy;                         ///< "[scheme://][user:password@]host[:port]"
  std::string no_proxy;                      ///< hosts reached without it, as curl's --noproxy
  bool proxy_from_environment = false;       ///< of the process that sends
  bool verify_proxy_tls = true;              ///< of an https proxy
  std::string proxy_ca_file;                 ///< PEM file of the issuers to trust for it
  bool least_tls_1_3 = false;                ///< otherwise TLS 1.2
  std::vector<std::string> without_headers;  ///< which the client would send by itself
  bool keep_body = false;                    ///< otherwise bytes are counted and dropped
  bool keep_headers = false;                 ///< of the response
  bool keep_timings = false;                 ///< and bytes on the wire

  bool operator==(const settings&) const = default;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(timeout_ms, connect_timeout_ms, max_body_bytes, idle_timeout_ms, max_redirects, decode_content, verify_tls,
            ca_file, certificate_file, key_file, authorization, use_cookies, cookie_file, body_file, public_only,
            resolve, proxy, no_proxy, proxy_from_environment, verify_proxy_tls, proxy_ca_file, least_tls_1_3,
            without_headers, keep_body, keep_headers, keep_timings);
  }
};

using header_list = std::vector<std::pair<std::string, std::string>>;

/// One input. Everything but the URL is optional.
struct request {
  std::string url;
  std::string id;  ///< the caller's own name for it, handed through to the record
  std::string method = "GET";
  header_list headers;
  std::string body;
  std::string problem;  ///< why this input can be no request, found while it was read; the exchange fails with it

  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, id, method, headers, body, problem);
  }
};

/// What the exchange took, as `http::measurements` has it.
struct timings {
  std::int64_t queued_ns = 0;
  std::int64_t name_lookup_ns = 0;
  std::int64_t connect_ns = 0;
  std::int64_t tls_ns = 0;
  std::int64_t first_byte_ns = 0;
  std::int64_t total_ns = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::string remote_address = {};
  bool connection_reused = false;
  std::int32_t redirects = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(queued_ns, name_lookup_ns, connect_ns, tls_ns, first_byte_ns, total_ns, bytes_sent, bytes_received,
            remote_address, connection_reused, redirects);
  }
};

/// What became of one request: a response, or an error, or (a status of 400 and above) both.
struct record {
  std::int32_t status = 0;  ///< 0 when no response came
  std::uint64_t bytes = 0;  ///< of the body, kept or not
  std::int64_t elapsed_ns = 0;
  std::int32_t attempts = 0;             ///< requests sent, redirects included
  std::string final_url = {};            ///< the page that answered; empty where it is the one that was asked
  header_list headers = {};              ///< only with `settings::keep_headers`
  std::optional<std::string> body = {};  ///< of a response, only with `settings::keep_body`
  std::optional<timings> measured = {};  ///< of a response, only with `settings::keep_timings`
  std::optional<failure_kind> error = {};
  std::string message = {};  ///< of the error

  template <class Archive>
  void serialize(Archive& archive) {
    archive(status, bytes, elapsed_ns, attempts, final_url, headers, body, measured, error, message);
  }
};

/// The jar of exchanges with these settings in this process; null when they use no cookies. Settings that begin with
/// the same file share one. Throws `std::runtime_error` when the file cannot be read.
std::shared_ptr<http::cookie_jar> cookie_jar_of(const settings& how, http::skipped_lines* skipped = nullptr);

/// Throws the `fanout::error` of every exchange with these settings that no exchange is needed to find: a proxy, an
/// address of `resolve`, a file of certificates or a key that cannot be read.
void check(const settings& how);

/// The record of a request whose task did not finish: its worker died, the run was stopped.
record record_of(const failure& lost);

/// Fetches one URL. Never throws for what a server or a network does: that is in the record. A cancellation throws, as
/// everywhere. Needs a coroutine on an `io_context` (every lane has one). `remote<exchange>.with(settings)` is the task
/// of a bulk fetch. `how` and `what` must outlive the task.
task<record> exchange(const settings& how, const request& what);

}  // namespace fanout::fetch
