#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include "process/channel/run_inbox.hpp"
#include "process/pool/pool_engine.hpp"
#include "process/supervisor/task_time.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace fanout::detail {

/// A run whose tasks a pool carries. It pulls, and hands outcomes to its sink, on the thread that called it; the pool's
/// thread only drops results into its inbox. It has as many tasks at the pool as the workers need, and a few
/// milliseconds' worth on top, so what it holds does not grow with the input.
class pool_run final : public pool_client {
 public:
  static void carry_out(pool_engine& pool, run_control& control, remote_job& job, report& cost);

  pool_run(pool_engine& pool, run_control& control, remote_job& job);
  ~pool_run() override;

  void on_results(const result_batch& run) override;
  void on_failure(const outcome_facts& facts, failure reason) override;

 private:
  /// Results, or the failure of one task.
  struct arrival {
    outcome_facts facts;  ///< of the first
    std::string ends;
    encoded_values values;
    std::optional<failure> failed;
    std::uint32_t count() const noexcept { return failed ? 1 : values.count(); }
  };
  /// Tasks that went to the pool together.
  struct bundle {
    std::uint32_t unfinished = 0;
    std::size_t bytes = 0;  ///< of the inputs, which count until all have ended
  };
  static constexpr std::chrono::milliseconds ahead{8};
  static constexpr std::uint64_t most_ahead = 131'072;
  static constexpr std::size_t most_bytes_ahead = 16U << 20;
  /// Tasks that go to the pool together: workers need not wait for all there are, and large inputs go one by one, so
  /// that they are not copied.
  static constexpr std::uint32_t most_together = 8192;
  static constexpr std::size_t most_bytes_together = 64 * 1024;

  void loop(const std::shared_ptr<pool_run>& self, report& cost);
  void fill(const std::shared_ptr<pool_run>& self, report& cost);
  void submit(pool_tasks& tasks);
  void take_arrivals(report& cost);
  void book_end(const arrival& one, report& cost);
  void wait();
  std::uint64_t window() const;

  pool_engine& pool_;
  run_control& control_;
  remote_job& job_;
  std::uint32_t function_;
  std::uint64_t under_way_ = 0;
  std::map<std::uint64_t, bundle> bundles_;  ///< under way, by the first index
  std::size_t bytes_under_way_ = 0;
  task_time task_time_;
  bool source_waits_ = false;
  bool cancelled_ = false;
  std::deque<arrival> arrived_;
  run_inbox<arrival> inbox_;
};

/// What `process_pool::with` puts into the options of a run: the pool's workers run its tasks.
class pool_backend final : public worker_backend {
 public:
  explicit pool_backend(pool_engine& pool) : pool_(pool) {}
  void run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) override;

 private:
  pool_engine& pool_;
};

}  // namespace fanout::detail
