#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The task of a bulk fetch: one URL in, one record out, in any process.
namespace fanout::fetch {

/// What all exchanges of one fetch have in common; sent once to each worker process.
struct settings {
  std::int64_t timeout_ms = 300'000;          ///< the whole exchange with its redirects
  std::int64_t connect_timeout_ms = 30'000;   ///< look-up, connection and TLS handshake
  std::uint64_t max_body_bytes = 1ULL << 30;  ///< of one response
  std::int32_t max_redirects = 10;            ///< 0: the redirect itself is the response
  bool verify_tls = true;
  std::string ca_file;        ///< PEM file of the issuers to trust instead of the system's
  bool keep_body = false;     ///< otherwise bytes are counted and dropped
  bool keep_headers = false;  ///< of the response

  template <class Archive>
  void serialize(Archive& archive) {
    archive(timeout_ms, connect_timeout_ms, max_body_bytes, max_redirects, verify_tls, ca_file, keep_body,
            keep_headers);
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

/// What became of one request: a response, or an error, or (a status of 400 and above) both.
struct record {
  std::int32_t status = 0;  ///< 0 when no response came
  std::uint64_t bytes = 0;  ///< of the body, kept or not
  std::int64_t elapsed_ns = 0;
  std::int32_t attempts = 0;             ///< requests sent, redirects included
  std::string final_url = {};            ///< the page that answered; empty where it is the one that was asked
  header_list headers = {};              ///< only with `settings::keep_headers`
  std::optional<std::string> body = {};  ///< of a response, only with `settings::keep_body`
  std::optional<failure_kind> error = {};
  std::string message = {};  ///< of the error

  template <class Archive>
  void serialize(Archive& archive) {
    archive(status, bytes, elapsed_ns, attempts, final_url, headers, body, error, message);
  }
};

/// The record of a request whose task did not finish: its worker died, the run was stopped.
record record_of(const failure& lost);

/// Fetches one URL. Never throws for what a server or a network does: that is in the record. A cancellation throws, as
/// everywhere. Needs a coroutine on an `io_context` (every lane has one). `remote<exchange>.with(settings)` is the task
/// of a bulk fetch. `how` and `what` must outlive the task.
task<record> exchange(const settings& how, const request& what);

}  // namespace fanout::fetch
