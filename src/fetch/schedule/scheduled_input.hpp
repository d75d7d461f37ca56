#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/request_source.hpp>
#include <fanout/fetch/retry_policy.hpp>
#include <fanout/fetch/schedule_rules.hpp>

#include "fetch/adaptive/host_limits.hpp"
#include "fetch/robots/host_scout.hpp"
#include "fetch/schedule/known_hosts.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

/// \file
/// A source of requests in the order in which a host scheduler gives them.
namespace fanout::fetch {

/// Requests of another source, each when its host may be fetched from, and once more where that is worth it. Requests
/// that name no host have their turn at once. `request::index` tells them apart, and is set by the source.
///
/// A request that is tried again waits in the scheduler, and holds no place of the run. While requests are under way
/// that may be, the source does not end.
///
/// Thread safety: as a source, and `ended` on any thread meanwhile.
class scheduled_input final : public request_input {
 public:
  /// Whether addresses are looked up, or robots.txt is read, by the client that is given; null: the shared one.
  static bool asks_about_hosts(const schedule_rules& how);
  scheduled_input(request_input& source, schedule_rules how, const http::client* with = nullptr);

  std::optional<request> next() override;
  bool ready() override;
  int handle() override { return handle_.value(); }

  /// What `next` gave has ended like this. True: `result` is its record now, with what earlier attempts came to. False:
  /// it is tried again. No other request of its host begins before what the server asks for has passed.
  bool ended(const request& asked, record& result);

  /// How many requests may be in flight as far as is known now; 0 where that is not looked for.
  std::uint32_t in_flight_found() const;
  /// Of the hosts with most in flight.
  std::vector<host_limit> limits_found(std::size_t most) const;
  /// Attempts that were not a request's last one.
  std::uint64_t retried() const;

 private:
  using clock = host_scheduler::clock;
  struct started {
    host_scheduler::item what;
    clock::time_point begun{};
    std::optional<host_limits::ticket> counted;  ///< by `limits_`
  };

  void read_on();
  void add(request given);
  bool offer();
  bool offer_next(clock::time_point now, clock::time_point& until);
  bool sent_now(host_scheduler::item& taken, request& made, clock::time_point now);
  clock::time_point look_at_tail(clock::time_point now);
  void wait_until(clock::time_point when, bool for_source);
  bool try_again(const request& asked, const record& result, const started& which, clock::time_point now);
  host_scheduler_options with_questions(schedule_rules how) const;
  bool ask_about_held();
  void take_up(const std::string& host, const host_scout::finding& found);
  void take_finding(host_scout::finding found);
  bool is_disallowed(std::string_view host, std::string_view url) const;
  bool mirrors_are_known(host_scheduler::item& taken, request& made);
  bool admitted(host_scheduler::item& taken, clock::time_point now);
  void note_start(started& which);
  void note_end(const started& which, const record& result, clock::time_point now);
  void signal() noexcept;

  mutable std::mutex mutex_;  ///< guards all below
  request_input& source_;
  schedule_rules how_;
  host_scheduler hosts_;
  std::optional<retry_policy> policy_;
  std::optional<host_limits> limits_;
  std::unordered_map<std::uint64_t, started> in_flight_;
  std::deque<request> without_host_;
  std::optional<request> offered_;
  bool ended_ = false;
  bool source_waits_ = false;
  bool source_watched_ = false;
  std::uint64_t retried_ = 0;
  std::optional<clock::time_point> tail_begun_;  ///< since when only hosts are left that are to be left alone
  clock::time_point told_{};
  bool given_up_ = false;
  bool signalled_ = false;                   ///< `changed_` is readable
  fanout::detail::owned_descriptor handle_;  ///< an epoll instance of the others, and the source while it is waited for
  fanout::detail::owned_descriptor changed_;
  fanout::detail::owned_descriptor timer_;
  known_hosts known_;
  std::unordered_map<std::string, std::vector<std::string>> waiting_for_;  ///< by a mirror's host: who waits for news
  std::unordered_set<std::string> held_for_mirrors_;                       ///< these wait, and are known themselves
  std::optional<host_scout> scout_;                                        ///< last: its thread uses the others
};

}  // namespace fanout::fetch
