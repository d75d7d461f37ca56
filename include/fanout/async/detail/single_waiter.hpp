#pragma once

#include <fanout/async/detail/parked_handler.hpp>
#include <fanout/base/task.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

/// \file
/// One coroutine that waits for an event. Not for users.
namespace fanout::detail {

/// Where one coroutine at a time is parked until another one wakes it. Thread safety: none; both on one executor.
class single_waiter {
 public:
  single_waiter() = default;
  single_waiter(const single_waiter&) = delete;
  single_waiter& operator=(const single_waiter&) = delete;

  /// Suspends until `wake`; throws `operation_aborted` when cancelled before, `std::logic_error` when another coroutine
  /// waits here. `what` is for `dump_tasks`. This must outlive the call.
  task<void> wait(const char* what);
  /// Resumes the waiting coroutine in a turn of its own, if there is one.
  void wake() { resume({}); }
  /// Destroys the waiting coroutine, if there is one: its loop is gone.
  void drop() noexcept;

 private:
  /// In the frame of the one that waits.
  struct guest {
    asio::any_io_executor executor;
    parked_handler<boost::system::error_code> handler = {};
  };

  void resume(boost::system::error_code with);

  guest* waiting_ = nullptr;
};

}  // namespace fanout::detail
