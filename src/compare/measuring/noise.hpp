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
  void add(double seconds) { seconds_.push_back(seconds); }

  /// Half of what lies between the tenth and the ninetieth of a hundred samples, over the median: 0.03 means that four
  /// of five samples were within 3 %. (The extremes say more about how many samples there were.) 0 for fewer than two.
  double spread() const;

 private:
  std::vector<double> seconds_;
};

/// What the machine makes of computing on every core at once.
struct full_cores {
  double price = 1;  ///< CPU time over that of the same computing alone: more than 1 where cores are not independent
  double given = 1;  ///< cores it really had: fewer than there are while other programs compute
};

/// Takes some 0.1 s, where other programs compute up to half a second; the best of a few attempts.
full_cores measure_full_cores();

}  // namespace fanout::detail
