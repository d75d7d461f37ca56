#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>
#include <fanout/fetch/settings.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// \file
/// The task of a bulk fetch: one URL in, one record out, in any process.
namespace fanout::http {
class client;
}

namespace fanout::fetch {

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
  std::uint8_t http_version = 0;         ///< that the response came in: 10, 11 or 20
  std::string final_url = {};            ///< the page that answered; empty where it is the one that was asked
  header_list headers = {};              ///< only with `settings::keep_headers`
  std::optional<std::string> body = {};  ///< of a response, only with `settings::keep_body`
  std::optional<timings> measured = {};  ///< of a response, only with `settings::keep_timings`
  std::optional<failure_kind> error = {};
  std::string message = {};  ///< of the error

  template <class Archive>
  void serialize(Archive& archive) {
    archive(status, bytes, elapsed_ns, attempts, http_version, final_url, headers, body, measured, error, message);
  }
};

/// What the exchanges of a lane share: their settings, and the client that the first of them makes. `per_lane`: each
/// lane of a run, here or in a worker process, has one of its own.
///
/// Thread safety: all members may be called from any thread.
class exchanger {
 public:
  static constexpr bool per_lane = true;

  exchanger() = default;
  exchanger(fetch::settings how) : settings_(std::move(how)) {}  // NOLINT(google-explicit-constructor): what a user has
  exchanger(const exchanger& other) : settings_(other.settings_) {}  // it has no client yet
  exchanger& operator=(const exchanger&) = delete;
  ~exchanger() = default;

  const fetch::settings& settings() const noexcept { return settings_; }
  /// Throws what is wrong with the settings: a `fanout::error`, or what `cookie_jar_of` throws.
  const http::client& client() const;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(settings_);
  }

 private:
  fetch::settings settings_;
  mutable std::mutex mutex_;  ///< guards the making
  mutable std::shared_ptr<const http::client> client_;
  mutable std::atomic<const http::client*> made_{nullptr};  ///< `client_`, once there is one
};

/// Throws the `fanout::error` of every exchange with these settings that no exchange is needed to find: a proxy, an
/// address of `resolve`, a file of certificates or a key that cannot be read.
void check(const settings& how);

/// The record of a request whose task did not finish: its worker died, the run was stopped.
record record_of(const failure& lost);

/// Fetches one URL. Never throws for what a server or a network does: that is in the record. A cancellation throws, as
/// everywhere. Needs a coroutine on an `io_context` (every lane has one). `remote<exchange>.with(settings)` is the task
/// of a bulk fetch. `with` and `what` must outlive the task: to name settings here would make an exchanger that does
/// not.
task<record> exchange(const exchanger& with, const request& what);

}  // namespace fanout::fetch
