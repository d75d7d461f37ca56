#pragma once

#include <fanout/compare/comparison.hpp>

#include <optional>
#include <string>
#include <string_view>

/// \file
/// A verdict in words. Every number in them is one of the comparison's own.
namespace fanout::detail {

/// Kind, bound, choice or doubt, and what to learn from it. `figure` is the sentence that shows the kind.
std::string say_verdict(const comparison& of, std::string_view figure);

/// The verdict where every row failed.
std::string say_failure(const comparison& of);

/// How many tasks in flight pay, by the rows of one model with different counts.
struct in_flight_finding {
  std::string model;                                            ///< "async"
  std::uint32_t pays_up_to;                                     ///< the least count that is as fast as the fastest
  std::uint32_t most;                                           ///< the greatest count measured
  double rate;                                                  ///< tasks a second with `pays_up_to`
  double latency;                                               ///< seconds of one task, undisturbed, on average
  double in_flight() const noexcept { return rate * latency; }  ///< Little's law (Operations Research 9, 1961)
};
/// Empty for fewer than two counts, and for work that is not I/O-bound.
std::optional<in_flight_finding> find_in_flight(const comparison& of);

}  // namespace fanout::detail
