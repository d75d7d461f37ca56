#pragma once

#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/core/options.hpp>
#include <fanout/process/process_pool_options.hpp>

#include "process/channel/direct_call_channel.hpp"
#include "process/pool/known_functions.hpp"

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace fanout::detail {

class supervisor;

/// A caller whose tasks a pool carries. Called on the pool's thread; must not block.
class pool_client {
 public:
  virtual ~pool_client() = default;
  /// One outcome for each task that was submitted; indices are the client's own. When `on_results` throws
  /// `std::bad_alloc`, it has taken none of them, and they are failures instead.
  virtual void on_results(const result_batch& run) = 0;
  virtual void on_failure(const outcome_facts& facts, failure reason) = 0;
};

/// Tasks of one client that wait for a worker.
struct pool_tasks {
  std::shared_ptr<pool_client> client;
  std::uint64_t first_index = 0;  ///< the client's own; the others follow
  encoded_values inputs;
  task_terms terms;
  std::uint32_t taken = 0;  ///< of these, from the front

  bool all_taken() const noexcept { return taken == inputs.count(); }
};

/// The middle of a pool: to the supervisor of the workers it is a job whose source, the tasks of all clients in the
/// order they came, does not end before the pool is closed. The supervisor runs on one thread, which belongs to this.
///
/// When a supervisor breaks off, because no worker can be started, the tasks there are fail with the reason, and the
/// next one that is submitted finds a new supervisor.
///
/// Thread safety: all members may be called from any thread, but those of `remote_job`.
class pool_engine final : private remote_job, public std::enable_shared_from_this<pool_engine> {
 public:
  explicit pool_engine(const process_pool_options& how);
  pool_engine(const pool_engine&) = delete;
  pool_engine& operator=(const pool_engine&) = delete;
  ~pool_engine();

  /// Whether this process is a fork of the one that made the pool: the thread and the workers stayed there.
  bool forked() const noexcept { return fork_generation() != generation_; }
  /// In a fork: it stays as it is. It is a copy of memory without the thread that works on it, so nothing there may be
  /// waited for, locked or destroyed.
  static void keep(std::shared_ptr<pool_engine> copy) noexcept;
  /// Throws `std::logic_error` in a fork.
  void require_own_process() const;

  const fanout::shape& shape() const noexcept { return options_.shape; }
  std::chrono::nanoseconds default_limit() const noexcept { return options_.task_timeout; }

  /// The number of a function, to be given back with `release` when no task of it is left. Throws `fanout::error` of
  /// kind `too_large`.
  std::uint32_t acquire(remote_callable function);
  void release(std::uint32_t function);

  /// Hands tasks over. False, and they stay, when the pool is closed.
  bool submit(pool_tasks& tasks);
  /// A channel to a worker for one call on the calling thread; null when there is none, and the call has to be
  /// submitted.
  direct_call_channel* check_out() { return direct_channels_.check_out(); }
  void check_in(direct_call_channel& channel) noexcept;
  /// The same for a channel whose call, the only one of `tasks`, is still under way.
  void check_in(direct_call_channel& channel, pool_tasks tasks);
  void abandon(direct_call_channel& channel) noexcept { direct_channels_.abandon(channel); }
  /// Ends the tasks of `client`: see `process_future::cancel`.
  void cancel(const pool_client& client);

  enum class closing { open, drain, stop, kill };
  void close(closing how);
  fanout::report report();

 private:
  /// Tasks that went to the supervisor together; one number each, the ticket, is their index there.
  struct under_way {
    std::shared_ptr<pool_client> client;
    std::uint64_t first_index = 0;  ///< the client's own
    std::uint32_t count = 0;
    std::uint32_t unfinished = 0;
    bool cancelled = false;
  };
  using under_way_map = std::map<std::uint64_t, under_way>;  ///< by the first ticket

  void work();
  void supervise();
  void fail_queued(const failure& reason);
  failure broken_off() const;
  static void end_all(const pool_tasks& tasks, const failure& reason);
  static void end_unstarted(const std::list<pool_tasks>& tasks);
  void wake();
  void take_from(pool_tasks& tasks, encoded_values& inputs, std::uint32_t most, std::size_t most_bytes);
  std::uint64_t book(const pool_tasks& tasks, std::uint32_t from, std::uint32_t count);
  under_way_map::iterator of_ticket(std::uint64_t ticket);
  static void deliver(pool_client& client, const result_batch& run);
  std::shared_ptr<pool_client> finish(under_way_map::iterator place, std::uint32_t count);

  remote_callable function(std::uint32_t number) const override;
  bool needs_loops() const override { return options_.shape.in_flight > 1; }
  pull_status pull_encoded(std::uint64_t& index, encoded_values& inputs, task_terms& terms, std::uint32_t most,
                           std::size_t most_bytes) override;
  int source_handle() override { return source_.value(); }
  void deliver_results(const result_batch& run) override;
  void deliver_failure(const outcome_facts& facts, failure reason) override;

  const std::uint64_t generation_ = fork_generation();
  std::shared_ptr<pool_engine> kept_;  ///< itself, in a fork
  pool_engine* kept_before_ = nullptr;
  const fanout::options options_;
  owned_descriptor source_;  ///< readable when there is something to pull, or the pool closes
  known_functions functions_;
  direct_call_channels direct_channels_;
  std::uint64_t next_ticket_ = 0;  ///< the supervisor's thread only, as the next
  under_way_map under_way_;
  bool told_ = false;  ///< waiting tasks have failed, since the supervisor broke off

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::list<pool_tasks> queue_;  ///< a list, as what waits is ended where there is no memory, too
  closing closing_ = closing::open;
  bool supervisor_waits_ = false;   ///< for the source
  run_control* control_ = nullptr;  ///< of the supervisor that runs
  supervisor* supervisor_ = nullptr;
  fanout::report* supervisor_cost_ = nullptr;
  fanout::report cost_;  ///< of supervisors that have ended
  bool ended_ = false;

  std::mutex joining_;
  std::thread thread_;  ///< last: it uses all of the above
};

}  // namespace fanout::detail
