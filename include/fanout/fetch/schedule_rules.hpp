#pragma once

#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/retry_policy.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

/// \file
/// When the requests of a job are sent.
namespace fanout::fetch {

/// What is left of a job when only such hosts are left as are to be left alone for a while: hosts whose server asks for
/// that, dead ones, and those of requests that are tried again.
struct waiting_requests {
  std::uint64_t requests = 0;
  std::uint64_t hosts = 0;
  std::chrono::milliseconds latest{0};                     ///< until the last of these waits ends
  std::optional<std::chrono::milliseconds> given_up = {};  ///< until they are given up
};

struct schedule_rules {
  host_scheduler_options hosts = {};
  /// Finds out how many requests in flight give the most throughput, in total and for each host, and how many a second
  /// a host takes that answers 429 (adaptive_limit.hpp, request_pacer.hpp). `hosts.per_host` and `most_in_flight` bound
  /// it; the shape has to have room for as many.
  bool adaptive = false;
  std::uint32_t most_in_flight = 10'000;
  /// The crawler's name for robots.txt (RFC 9309), which is read for each host before its first request, and heeded;
  /// its Crawl-delay, too. Empty: nobody asks for it. A thread more reads it.
  std::string robots_product = {};
  std::string robots_user_agent = {};     ///< sent for robots.txt; empty: the client's
  std::optional<retry_rules> retry = {};  ///< none: each request is sent once
  /// How long only hosts may be left that are to be left alone, without a request that succeeds; then what is left gets
  /// its record. None: for ever.
  std::optional<std::chrono::milliseconds> give_up_after = {};
  /// Called when only such hosts are left for a second or more, and then every 10 s, on a lane's thread. Must not
  /// throw.
  std::function<void(const waiting_requests&)> on_wait = {};
};

}  // namespace fanout::fetch
