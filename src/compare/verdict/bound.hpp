#pragma once

#include <fanout/compare/comparison.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace fanout::detail {

/// Gathers the least that tasks were seen to need, which no shape can do without.
class bound_finder {
 public:
  /// A run in which all tasks succeeded.
  void look_at(const workload_run& done);
  /// One of the shapes compared: its places count.
  void allow(const shape& of);

  /// Empty before the first run.
  std::optional<lower_bound> find(std::uint64_t tasks) const;
  /// All tasks, each at its quickest, one after the other.
  std::chrono::nanoseconds one_by_one() const;

 private:
  std::vector<std::chrono::nanoseconds> least_;                     ///< by each task
  std::chrono::nanoseconds cpu_ = std::chrono::nanoseconds::max();  ///< of all tasks
  std::uint32_t places_ = 0;
  bool limited_ = true;
};

}  // namespace fanout::detail
