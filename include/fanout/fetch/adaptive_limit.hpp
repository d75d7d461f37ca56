#pragma once

#include <chrono>
#include <cstdint>
#include <string>

/// \file
/// How many requests should be in flight, found by trying.
namespace fanout::fetch {

/// What a run found out about one host.
struct host_limit {
  std::string host;             ///< with its port
  std::uint32_t in_flight = 0;  ///< that gave the most throughput
  double per_s = 0;             ///< requests a second that it takes; 0: it has refused none
};

/// Finds how many requests at a time give the most throughput, and no more than that.
///
/// It follows Little's law: the throughput of a server that is kept busy is the number in flight divided by the mean
/// latency. Both are measured over a cohort: after a change of the limit as many requests as it allows are let pass,
/// then those that begin next count, at least 16, at least the limit, and more where latencies differ much.
///
///  - Start: from 8, times 4 while the mean stays within 1.1 of the first one, else times 2, as long as throughput
///  gains a
///    quarter each time. Then the limit is what the law says for the best throughput at the first latency, and 15 %
///    more.
///  - Probes: a quarter more now and then. It is kept where it gains half of that; each one that does not doubles the
///  wait
///    for the next, from 4 to 32 cohorts.
///  - Queues: a mean above 1.5 times the first one is a queue that only costs. The limit is cut by 30 % at most; where
///    throughput falls with it twice, requests just take longer, and that latency is taken for the first one.
///  - Every 15 s, 30 % less are tried: what loses no throughput is kept.
///
/// AIMD, Vegas and Gradient2 were simulated with the same servers: they take 14 to 48 s to arrive, never get going
/// where latencies are mixed, or overshoot ten times. Answers of 429 and 503 are for `request_pacer`: fewer requests in
/// flight are not fewer a second.
///
/// ```cpp
/// fetch::adaptive_limit limit;
/// while (limit.has_room()) start(request, limit.begin(clock::now()));
/// ...
/// limit.end(ticket, clock::now(), adaptive_limit::result::answered);
/// ```
///
/// It has no clock. Thread safety: none.
class adaptive_limit {
 public:
  using clock = std::chrono::steady_clock;

  struct options {
    std::uint32_t first = 8;
    std::uint32_t least = 1;
    std::uint32_t most = 10'000;
  };
  enum class result {
    answered,  ///< its latency counts
    ignored,   ///< refused, failed, cancelled: its latency says nothing
  };
  struct ticket {
    clock::time_point begun{};
    std::uint64_t number = 0;
  };
  enum class phase { starting, steady, probing_more, probing_less, cutting };
  struct snapshot {
    std::uint32_t limit = 0;
    std::uint32_t in_flight = 0;
    adaptive_limit::phase phase = adaptive_limit::phase::starting;
    double base_s = 0;      ///< the latency without a queue, as far as it is known
    double throughput = 0;  ///< requests a second, of the last cohort
  };

  explicit adaptive_limit(options how);
  adaptive_limit() : adaptive_limit(options{}) {}

  std::uint32_t limit() const noexcept { return limit_; }
  bool has_room() const noexcept { return in_flight_ < limit_; }
  snapshot statistics() const noexcept { return {limit_, in_flight_, phase_, base_, throughput_}; }

  /// `now` never goes back.
  ticket begin(clock::time_point now) noexcept;
  void end(const ticket& begun, clock::time_point now, result how) noexcept;

 private:
  /// The requests that are measured.
  struct cohort {
    std::uint64_t first = 0;  ///< number of the first one
    std::uint64_t size = 0;
    std::uint64_t ended = 0;
    std::uint64_t later_ended = 0;  ///< of those that began after all of them
    std::uint64_t answered = 0;
    double sum_s = 0;
    double squares = 0;
    double in_flight = 0;  ///< when they began, summed
  };

  void measure_anew() noexcept;
  void set_limit(double wanted) noexcept;
  bool complete() const noexcept;
  void evaluate(clock::time_point now) noexcept;
  void started(double mean, double throughput) noexcept;
  void steady(double mean, double throughput, clock::time_point now) noexcept;
  void probed_more(double mean, double throughput) noexcept;
  void probed_less(double mean, double throughput) noexcept;
  void cut(double mean, double throughput) noexcept;
  void begin_cut(double mean, double throughput) noexcept;

  options how_;
  phase phase_ = phase::starting;
  std::uint32_t limit_;
  std::uint32_t before_;  ///< a probe or a cut
  std::uint32_t before_cuts_ = 0;
  std::uint32_t in_flight_ = 0;
  std::uint64_t next_number_ = 0;
  cohort measured_;
  double spread_ = 0.5;  ///< standard deviation of latencies, of their mean
  double base_ = 0;
  double throughput_ = 0;
  double best_ = 0;          ///< throughput of this start
  double before_probe_ = 0;  ///< throughput
  std::uint32_t wait_ = 4;   ///< cohorts between probes
  std::uint32_t waited_ = 0;
  std::uint32_t falls_with_it_ = 0;  ///< cuts in a row that cost throughput
  clock::time_point tried_less_{};
};

}  // namespace fanout::fetch
