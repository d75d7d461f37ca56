#pragma once

#include <fanout/compare/comparison.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace fanout::detail {

/// Gathers the least that each task needed in any run. No shape can do with less.
class bound_finder {
 public:
  /// `computing` is the share of its time alone that a task computes; negative if that is not known.
  explicit bound_finder(double computing = -1) : computing_(computing) {}
  void set_computing(double share) noexcept { computing_ = share; }

  /// A run in which all tasks succeeded.
  void look_at(const workload_run& done);
  /// One of the shapes compared: its places count.
  void allow(const shape& of);

  /// Empty before the first run.
  std::optional<lower_bound> find(std::uint64_t tasks, std::uint32_t cores) const;

 private:
  /// What a task takes with a core to itself. Next to others it may have had a share of one in every run.
  std::chrono::nanoseconds undisturbed(std::size_t task) const;
  std::chrono::nanoseconds cpu_of_all() const;

  double computing_;
  std::vector<std::chrono::nanoseconds> least_;      ///< time of each task
  std::vector<std::chrono::nanoseconds> least_cpu_;  ///< CPU time of each; negative where no run shows it
  std::chrono::nanoseconds cpu_ = std::chrono::nanoseconds::max();  ///< of all tasks, in the run that used least
  std::uint32_t places_ = 0;
  bool limited_ = true;
};

}  // namespace fanout::detail
