#pragma once

#include <fanout/core/detail/remote_job.hpp>

namespace fanout::detail {

/// Runs the tasks of a run in worker processes that live as long as the run. Stateless: one serves all runs.
class worker_runner final : public worker_backend {
 public:
  static worker_runner& instance();
  void run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) override;
};

}  // namespace fanout::detail
