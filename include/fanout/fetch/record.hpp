#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/fetch/rare_text.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// What a bulk fetch takes in and gives out.
namespace fanout::fetch {

using header_list = std::vector<std::pair<std::string, std::string>>;

struct earlier_attempts;

/// One input. Everything but the URL is optional.
struct request {
  std::string url;
  std::string id;  ///< the caller's own name for it, handed through to the record
  std::string method = "GET";
  header_list headers;
  std::string body;
  std::string extra;        ///< further members of the record, each with a comma before it: JSON. Stays where it is
  std::uint64_t index = 0;  ///< in the whole list; a job sets it. Stays where it is
  std::string file;         ///< its body's, in the directory of `settings::body_path`; a job sets it
  /// What it came to so far, if it was sent before. A job sets it. Stays where it is
  std::shared_ptr<const earlier_attempts> earlier = {};
  std::string sha256;                ///< of the body, in hexadecimal; empty: not known (`settings::verify_digests`)
  std::vector<std::string> mirrors;  ///< other URLs of the same, tried in turn where this one fails
  std::string problem;  ///< why this input can be no request, found while it was read; the exchange fails with it

  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, id, method, headers, body, file, sha256, mirrors, problem);
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

/// A request that was sent, and what came back.
struct message_pair {
  std::string url;
  std::string remote_address = {};  ///< "address:port" of the connection's peer
  std::string tls = {};             ///< version and cipher suite; empty without TLS
  std::int64_t sent_us = 0;         ///< when, in microseconds since 1970
  std::string request_head = {};    ///< as it was sent, with the empty line
  std::string head = {};            ///< of the response, as it came; empty: none did
  std::int32_t status = 0;
  std::uint8_t http_version = 0;  ///< of the response: 10, 11 or 20
  std::string body = {};          ///< of a redirect; that of the last response is in the record. Never decoded
  bool cut = false;               ///< more of the body was to come

  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, remote_address, tls, sent_us, request_head, head, status, http_version, body, cut);
  }
};

/// What became of one request: a response, or an error, or (a status of 400 and above) both.
struct record {
  std::int32_t status = 0;  ///< 0 when no response came
  std::uint64_t bytes = 0;  ///< of the body, kept or not
  std::int64_t elapsed_ns = 0;
  std::int32_t attempts = 0;             ///< requests sent, redirects included
  std::uint8_t http_version = 0;         ///< that the response came in: 10, 11 or 20
  std::uint8_t tls_version = 0;          ///< of its connection: 12 or 13; 0: without TLS
  rare_text final_url = {};              ///< the page that answered; empty where it is the one that was asked
  header_list headers = {};              ///< only with `settings::keep_headers`
  std::optional<std::string> body = {};  ///< of a response, only with `settings::keep_body`
  rare_text sha256 = {};                 ///< of the body, in hexadecimal, only with `settings::digest_bodies`
  rare<timings> measured = {};           ///< of a response, only with `settings::keep_timings`
  bool reused = false;                   ///< the connection had served another request before
  std::int64_t retry_after_ms = 0;       ///< that a response of 429 or 503 asks for
  std::optional<failure_kind> error = {};
  rare_text message = {};     ///< of the error
  rare_text trace = {};       ///< only with `settings::keep_trace`: lines for a person, as `curl -v` shows an exchange
  rare_text sent_heads = {};  ///< only with `settings::keep_heads`: of all requests, as they were sent
  rare_text heads = {};       ///< only with `settings::keep_heads`: of all responses, as they came

  /// \name Only with `settings::keep_messages`
  /// @{
  std::vector<message_pair> messages = {};  ///< of the last try, redirects first
  bool body_coded = false;                  ///< `body` is as it came: a content coding was not undone
  /// @}

  /// \name Of a body that goes where `settings::body_path` says
  /// @{
  rare_text file = {};         ///< where it is: of a body that was cut, the name ends in ".part"
  rare_text remark = {};       ///< what was done with a part that was there; for a person
  rare_text unwritten = {};    ///< why it could not be written; it is the error, too
  bool heads_written = false;  ///< before it (`settings::heads_before_body`)
  bool output_begun = false;   ///< standard output has some of it. Stays where it is
  bool skipped = false;        ///< nothing was sent, as the file was there (`settings::skip_existing`)
  /// @}

  template <class Archive>
  void serialize(Archive& archive) {
    archive(status, bytes, elapsed_ns, attempts, http_version, tls_version, final_url, headers, body, measured, reused,
            retry_after_ms, error, message, trace, sent_heads, heads, file, remark, unwritten, skipped, heads_written,
            messages, body_coded, sha256);
  }
};

/// What became of a request that a job sends again, or does not send at all.
struct earlier_attempts {
  std::uint32_t count = 0;
  std::chrono::steady_clock::time_point begun{};  ///< the first one
  record last;                                    ///< its attempts and messages are those of all
  bool is_final = false;  ///< `last` is the request's record, and `request::problem` keeps it from being sent

  template <class Archive>
  void serialize(Archive& archive) {
    archive(count, begun, last, is_final);
  }
};

}  // namespace fanout::fetch
