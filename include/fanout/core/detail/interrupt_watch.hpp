#pragma once

#include <fanout/base/task.hpp>
#include <fanout/core/detail/control.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <optional>

namespace fanout::detail {

/// Sees on a loop to it that the run follows `options::interrupt`, if there is one.
///
/// Thread safety: the loop's thread only. It keeps the loop running until `stop`.
class interrupt_watch {
 public:
  interrupt_watch(asio::io_context& loop, run_control& control);
  void start();
  void stop();

 private:
  void wait(const interrupt& source);

  asio::io_context& loop_;
  run_control& control_;
  std::optional<asio::posix::stream_descriptor> handle_;
  bool drained_ = false;  ///< the run has followed the first stage
};

}  // namespace fanout::detail
