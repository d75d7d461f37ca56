#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/remote_job.hpp>
#include <fanout/process/process_pool.hpp>

#include "async/owned_descriptor.hpp"
#include "process/direct_line.hpp"
#include "process/known_functions.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace fanout::detail {

class worker_crew;

/// Somebody whose tasks a pool carries. Called on the pool's thread, which nothing may keep waiting.
class pool_client {
 public:
  virtual ~pool_client() = default;
  /// Exactly one of these for each task that was submitted; `facts.index` is the client's own.
  virtual void on_result(const outcome_facts& facts, std::string_view encoded) = 0;
  virtual void on_failure(const outcome_facts& facts, failure reason) = 0;
};

/// A task that waits for a worker.
struct pool_task {
  std::shared_ptr<pool_client> client;
  std::uint64_t index = 0;  ///< the client's own
  std::string argument;
  task_terms terms;
};

/// The middle of a pool: to the workers' crew it is a job whose source, the tasks of all clients in the order they
/// came, does not end before the pool is closed. The crew runs on one thread, which belongs to this.
///
/// When a crew breaks off, because no worker can be started, the tasks there are fail with the reason, and the next one
/// that is submitted finds a new crew.
///
/// Thread safety: all members may be called from any thread, but those of `remote_job`.
class pool_engine final : public worker_backend, private remote_job, public std::enable_shared_from_this<pool_engine> {
 public:
  explicit pool_engine(const process_pool_options& how);
  pool_engine(const pool_engine&) = delete;
  pool_engine& operator=(const pool_engine&) = delete;
  ~pool_engine();

  const fanout::shape& shape() const noexcept { return options_.shape; }
  std::chrono::nanoseconds default_limit() const noexcept { return options_.task_timeout; }

  /// A run on the calling thread, whose tasks the pool carries.
  void run(run_control& control, remote_job& job, const fanout::shape& ran, report& cost) override;

  /// The number of a function, to be given back with `release` when no task of it is left.
  std::uint32_t acquire(remote_callable function);
  void release(std::uint32_t function);

  /// Hands tasks over, and leaves `tasks` empty. False, and they stay, when the pool is closed.
  bool submit(std::vector<pool_task>& tasks);
  /// A line to a worker for one call on the calling thread; null when there is none, and the call has to be submitted.
  direct_line* borrow_line() { return lines_.borrow(); }
  void give_back(direct_line& line);
  /// The same for a line whose call, of `task`, is still under way.
  void give_back(direct_line& line, pool_task task);
  /// Ends the tasks of `client`: see `process_future::cancel`.
  void cancel(const pool_client& client);

  enum class closing { open, drain, stop, kill };
  void close(closing how);
  fanout::report report();

 private:
  struct under_way {
    std::shared_ptr<pool_client> client;
    std::uint64_t index = 0;
    std::uint32_t function = 0;
    bool cancelled = false;
  };

  void work();
  void run_crew();
  void fail_queued(const failure& reason);
  failure broken_off() const;
  static void end_unstarted(std::vector<pool_task> tasks);
  void wake();
  under_way take(std::uint64_t ticket);
  std::uint64_t book(pool_task& task);

  remote_callable function(std::uint32_t number) const override;
  bool needs_loops() const override { return options_.shape.in_flight > 1; }
  pull_status pull_encoded(std::uint64_t& index, encoded_values& inputs, task_terms& terms, std::uint32_t most,
                           std::size_t most_bytes) override;
  int source_handle() override { return source_.value(); }
  void deliver_results(const result_run& run) override;
  void deliver_failure(const outcome_facts& facts, failure reason) override;

  const fanout::options options_;
  owned_descriptor source_;  ///< readable when there is something to pull, or the pool closes
  known_functions functions_;
  direct_lines lines_;
  std::uint64_t next_ticket_ = 0;  ///< the crew's thread only, as the next
  std::unordered_map<std::uint64_t, under_way> under_way_;

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::deque<pool_task> queue_;
  closing closing_ = closing::open;
  bool crew_waits_ = false;         ///< for the source
  run_control* control_ = nullptr;  ///< of the crew that runs
  worker_crew* crew_ = nullptr;
  fanout::report* crew_cost_ = nullptr;
  fanout::report cost_;  ///< of crews that have ended
  bool ended_ = false;

  std::mutex joining_;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace fanout::detail
