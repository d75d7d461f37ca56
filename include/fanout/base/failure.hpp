#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// \file
/// What went wrong with one task, as a value. Bulk work carries failures in outcomes; single calls (`http::get`, `map`)
/// throw the same failure as a `fanout::error`.
namespace fanout {

/// What a caller can act on.
enum class failure_kind {
  dns,                ///< the host name has no address, or no name server answered
  connect,            ///< no connection to any of the host's addresses
  tls,                ///< the handshake failed, or the certificate was not accepted
  timeout,            ///< a deadline passed; the message names which
  protocol,           ///< the peer broke HTTP, or closed in the middle of a message
  status,             ///< the server answered, with a status of 400 or above
  too_large,          ///< a size limit was reached
  refused_by_policy,  ///< allowed by the protocol, not by the caller's settings
  invalid_request,    ///< the input itself cannot be sent: a malformed URL, a control character in a header
  digest_mismatch,    ///< the body is not the one whose digest the caller knows
  opted_out,          ///< the server says that it is not for programs like this one, which heeds that
  cancelled,          ///< the run was stopped before the task finished
  worker_died,        ///< the worker process ended in mid-task; `failure::signal` says how
  cannot_start,       ///< no worker process could be started for the task, which never ran
  task_failed,        ///< the task threw
};

/// The name used in records and reports: `failure_kind::too_large` is "too_large".
std::string_view to_string(failure_kind kind) noexcept;

/// The reverse of `to_string`; empty when no kind has that name.
std::optional<failure_kind> parse_failure_kind(std::string_view name) noexcept;

/// One expected failure. A plain value; thread-safe as any value is.
struct failure {
  failure_kind kind = failure_kind::task_failed;
  std::string message = {};  ///< for a human: what happened and, where there is one, what to do about it
  std::string type = {};     ///< type of the exception the task threw, as written in C++; else empty
  std::string where = {};    ///< where it was thrown, in a program with fanout::throw_locations; else empty
  std::chrono::nanoseconds elapsed = {};   ///< from the start of the task to the failure
  int attempts = 1;                        ///< how often it was tried
  int signal = 0;                          ///< `worker_died`: the signal that ended the worker, 0 if it exited
  std::exception_ptr exception = nullptr;  ///< the exception itself, where the task ran in this process
};

/// A failure thrown by a single call. `what()` is the failure's message.
class error : public std::runtime_error {
 public:
  explicit error(fanout::failure what_failed)
      : std::runtime_error(what_failed.message), failure_(std::move(what_failed)) {}
  error(failure_kind kind, std::string message) : error(fanout::failure{kind, std::move(message)}) {}

  const fanout::failure& failure() const noexcept { return failure_; }
  failure_kind kind() const noexcept { return failure_.kind; }

 private:
  fanout::failure failure_;
};

/// Turns the exception being handled into a value: a `fanout::error` keeps its kind, anything else is `task_failed`
/// with its type and `what()`. Call it inside a `catch` block only.
failure current_failure();

namespace detail {
/// The reverse: throws the very exception where the failure has it, and a `fanout::error` otherwise.
[[noreturn]] void throw_failure(const failure& reason);
}  // namespace detail

}  // namespace fanout
