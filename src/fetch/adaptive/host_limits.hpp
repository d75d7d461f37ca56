#pragma once

#include <fanout/fetch/adaptive_limit.hpp>
#include <fanout/fetch/request_pacer.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

/// \file
/// How many requests are in flight in total and to each host, and how fast hosts that refuse are asked.
namespace fanout::fetch {

/// One `adaptive_limit` for all requests of a job, and one for each host that has enough of them to learn from; a
/// `request_pacer` for each host that answers 429, or 503 in between.
///
/// A host begins with 8 in flight, and costs nothing until it has as many: only then, or when it refuses a request, it
/// gets a state of its own, of some 700 bytes. Of these there are 10,000 at most, besides those under way: idle ones
/// are forgotten, and begin anew.
///
/// It has no clock. Thread safety: none.
class host_limits {
 public:
  using clock = std::chrono::steady_clock;

  struct options {
    std::uint32_t most = 10'000;          ///< in flight in total
    std::uint32_t most_of_host = 10'000;  ///< and for each host
    std::uint32_t first = 32;             ///< in total, to begin with
    std::uint32_t first_of_host = 8;
  };
  struct host_state;
  struct ticket {
    adaptive_limit::ticket total;
    std::shared_ptr<host_state> host;  ///< null: it has none
    adaptive_limit::ticket of_host;
  };
  /// What became of a request.
  struct result {
    bool answered = false;  ///< an answer came, and its latency counts
    bool refused = false;   ///< with 429 or 503
    bool is_503 = false;    ///< which refuses only where it comes in between, or says until when
    std::chrono::milliseconds retry_after{0};
  };

  explicit host_limits(options how);

  /// A request to a host starts; with it so many are in flight there.
  ticket started(const std::string& host, std::uint32_t in_flight, clock::time_point now);
  void ended(const std::string& host, const ticket& of, const result& what, clock::time_point now);

  std::uint32_t total() const noexcept { return total_.limit(); }
  /// In flight to that host.
  std::uint32_t of_host(const std::string& host) const;
  /// No request to that host starts before; the beginning of time where none has to wait.
  clock::time_point next_start(const std::string& host) const;
  /// Of hosts that have a state: those with most in flight, and most of them first.
  std::vector<host_limit> found(std::size_t most) const;
  std::size_t states() const noexcept { return hosts_.size(); }

 private:
  std::shared_ptr<host_state> state_of(const std::string& host, clock::time_point now);
  void forget_idle(clock::time_point now);

  options how_;
  adaptive_limit total_;
  std::unordered_map<std::string, std::shared_ptr<host_state>> hosts_;
  std::size_t forget_at_;
};

}  // namespace fanout::fetch
