#pragma once

#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/core/outcome.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

/// \file
/// What it would cost to send tasks to another process. Not for users: `run` is built from it.
namespace fanout::detail {

/// Encodes inputs and results of the first tasks of an `automatic` run, as if they travelled, and keeps the time. Does
/// nothing for other runs, and for tasks that cannot travel.
///
/// Thread safety: all members may be called from any thread.
template <bool Remote>
class serialization_sampler {
 public:
  explicit serialization_sampler(bool sampling)
      : left_(Remote && sampling && worker_backend_installed() ? samples : 0) {
    possible_ = left_ > 0;
  }

  template <class Task, class Input>
  void sample_input([[maybe_unused]] const Task& task, [[maybe_unused]] const Input& input) {
    if constexpr (Remote) sample(1, [&](std::string& bytes) { task.encode(input, bytes); });
  }
  template <class Task, class T>
  void sample_result([[maybe_unused]] const Task& task, [[maybe_unused]] const outcome<T>& out) {
    if constexpr (Remote && requires(std::string& bytes) { task.encode_result(out.value(), bytes); })
      if (out.ok()) sample(0, [&](std::string& bytes) { task.encode_result(out.value(), bytes); });
  }

  serialization_cost cost() {
    const std::lock_guard lock(mutex_);
    serialization_cost of{possible_, {}, 0};
    if (tasks_ > 0) {
      of.each = spent_ / tasks_;
      of.bytes = bytes_ / tasks_;
    }
    return of;
  }

 private:
  static constexpr std::uint32_t samples = 16;

  /// What cannot be encoded cannot travel; the run itself does not mind.
  template <class Encode>
  void sample(std::uint32_t tasks, Encode encode) {
    // Relaxed: only saves the lock once enough was sampled.
    if (left_.load(std::memory_order_relaxed) == 0) return;
    const std::lock_guard lock(mutex_);
    std::string bytes;
    const auto before = std::chrono::steady_clock::now();
    try {
      encode(bytes);
    } catch (...) {
      possible_ = false;
    }
    spent_ += std::chrono::steady_clock::now() - before;
    bytes_ += bytes.size();
    tasks_ += tasks;
    if (tasks > 0 && left_.load(std::memory_order_relaxed) > 0) left_.fetch_sub(1, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> left_;
  std::mutex mutex_;  ///< guards what follows
  bool possible_ = false;
  std::chrono::nanoseconds spent_{0};
  std::uint64_t bytes_ = 0;
  std::uint32_t tasks_ = 0;
};

}  // namespace fanout::detail
