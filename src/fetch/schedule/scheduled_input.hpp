#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/request_source.hpp>

#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

/// \file
/// A source of requests in the order in which a host scheduler gives them.
namespace fanout::fetch {

/// Requests of another source, each when its host may be fetched from. Requests that name no host have their turn at
/// once. `request::index` tells them apart, and is set by the source.
///
/// Thread safety: as a source, and `done` on any thread meanwhile.
class scheduled_input final : public request_input {
 public:
  scheduled_input(request_input& source, host_scheduler_options how);

  std::optional<request> next() override;
  bool ready() override;
  int handle() override { return handle_.value(); }

  /// What `next` gave has ended; no other request of its host begins before `pause` has passed.
  void done(std::uint64_t index, std::chrono::milliseconds pause);

 private:
  void read_on();
  void add(request given);
  bool offer();
  void wait_until(host_scheduler::clock::time_point when, bool for_source);

  std::mutex mutex_;  ///< guards all below
  request_input& source_;
  host_scheduler hosts_;
  std::unordered_map<std::uint64_t, host_scheduler::item> in_flight_;
  std::deque<request> without_host_;
  std::optional<request> offered_;
  bool ended_ = false;
  bool source_waits_ = false;
  bool source_watched_ = false;
  fanout::detail::owned_descriptor handle_;  ///< an epoll instance of the others, and the source while it is waited for
  fanout::detail::owned_descriptor changed_;
  fanout::detail::owned_descriptor timer_;
};

}  // namespace fanout::fetch
