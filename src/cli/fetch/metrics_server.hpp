#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <thread>

/// \file
/// Figures of a run for a Prometheus that asks.
namespace fanout::cli {

/// Where a `metrics_server` will listen: open before a run makes any file, as it is the user's mistake if it is wrong.
class metrics_listener {
 public:
  /// `address`: "127.0.0.1:9400", "[::1]:0", "localhost:9400", or a port of the loopback; port 0 is any that is free.
  /// Throws `std::invalid_argument` for what is no address, and `std::runtime_error` where it cannot be listened to.
  explicit metrics_listener(std::string_view address);

  int descriptor() const noexcept { return descriptor_.value(); }
  /// "http://127.0.0.1:41234/metrics".
  const std::string& url() const noexcept { return url_; }

 private:
  fanout::detail::owned_descriptor descriptor_;
  std::string url_;
};

/// Answers GET /metrics with a text, on a thread of its own, one connection after another; a client has a second.
///
/// Thread safety: `text` is called on that thread. Destroying it ends the thread.
class metrics_server {
 public:
  metrics_server(metrics_listener at, std::function<std::string()> text);
  ~metrics_server();
  metrics_server(const metrics_server&) = delete;
  metrics_server& operator=(const metrics_server&) = delete;

  const std::string& url() const noexcept { return at_.url(); }

 private:
  void serve();
  void answer(int client) const;

  const std::function<std::string()> text_;
  const metrics_listener at_;
  fanout::detail::owned_descriptor end_;  ///< becomes readable
  std::thread thread_;
};

}  // namespace fanout::cli
