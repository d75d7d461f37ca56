#pragma once

#include <vector>

/// \file
/// What the machine itself does to measurements.
namespace fanout::detail {

/// How much the machine disturbs a piece of work that is always the same: the primes below a fixed limit, which fit a
/// first-level cache, counted again and again between the rows of a comparison.
class noise_meter {
 public:
  void sample();  ///< takes some 10 ms

  /// Half of what lies between the tenth and the ninetieth of a hundred samples, over the median: 0.03 means that four
  /// of five samples were within 3 %. (The extremes say more about how many samples there were.) 0 for fewer than two.
  double spread() const;

 private:
  std::vector<double> seconds_;
};

/// How much more CPU time the same computing takes while every core computes: 1 where cores are independent, more where
/// two of them are threads of one core, or clocks slow down. Takes some 50 ms.
double price_of_full_cores();

}  // namespace fanout::detail
