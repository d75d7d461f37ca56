#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <thread>

/// \file
/// Figures of a run for a Prometheus that asks.
namespace fanout::cli {

/// Answers GET /metrics with a text, on a thread of its own, one connection after another; a client has a second.
///
/// Thread safety: `text` is called on that thread. Destroying it ends the thread.
class metrics_server {
 public:
  /// `address`: "127.0.0.1:9400", "[::1]:0", "localhost:9400", or a port of the loopback; port 0 is any that is free.
  /// Throws `std::invalid_argument` for what is no address, and `std::runtime_error` where it cannot be listened to.
  metrics_server(std::string_view address, std::function<std::string()> text);
  ~metrics_server();
  metrics_server(const metrics_server&) = delete;
  metrics_server& operator=(const metrics_server&) = delete;

  /// "http://127.0.0.1:41234/metrics".
  const std::string& url() const noexcept { return url_; }

 private:
  void serve();
  void answer(int client) const;

  const std::function<std::string()> text_;
  fanout::detail::owned_descriptor listener_;
  fanout::detail::owned_descriptor end_;  ///< becomes readable
  std::string url_;
  std::thread thread_;
};

}  // namespace fanout::cli
