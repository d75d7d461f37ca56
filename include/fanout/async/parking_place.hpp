#pragma once

#include <fanout/base/task.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <optional>

/// \file
/// One coroutine that waits for an event. Not for users.
namespace fanout::detail {

/// Where one coroutine at a time is parked until another one wakes it. Thread safety: none; both on one executor.
class parking_place {
 public:
  parking_place() = default;
  parking_place(const parking_place&) = delete;
  parking_place& operator=(const parking_place&) = delete;

  /// Suspends until `wake`; throws `operation_aborted` when cancelled before, `std::logic_error` when another coroutine
  /// waits here. `what` is for `dump_tasks`. This must outlive the call.
  task<void> wait(const char* what);
  /// Resumes the waiting coroutine in a turn of its own, if there is one.
  void wake() { resume({}); }
  /// Destroys the waiting coroutine, if there is one: its loop is gone.
  void drop() noexcept { waiting_.reset(); }

 private:
  using resumption = asio::async_result<asio::use_awaitable_t<>, void(boost::system::error_code)>::handler_type;

  void resume(boost::system::error_code with);

  std::optional<resumption> waiting_;
};

}  // namespace fanout::detail
