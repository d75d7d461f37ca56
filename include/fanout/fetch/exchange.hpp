#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/base/task.hpp>
#include <fanout/fetch/record.hpp>
#include <fanout/fetch/settings.hpp>

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

/// \file
/// The task of a bulk fetch: one URL in, one record out, in any process.
namespace fanout::http {
class client;
}

namespace fanout::fetch {

class body_sink;  // body_sink.hpp

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

/// The same, handing the body to a sink of the caller's as it comes, in this process; `settings::body_path` and
/// `keep_body` have no say. What the sink throws passes through. `into` must outlive the task, too.
task<record> exchange_into(const exchanger& with, const request& what, body_sink& into);

}  // namespace fanout::fetch
