#pragma once

#include <fanout/base/failure.hpp>

#include "process/supervisor/task_ledger.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

namespace fanout::detail {

/// Tasks that were pulled from the source and that no worker has: given back, handed to a worker that died before it
/// started them, or to be tried again because their worker died at them. Each task that comes in goes out once: to a
/// worker, or through `end`, which is given the reason why it has no other outcome.
///
/// Thread safety: none.
class pending_tasks {
 public:
  using end_task = std::function<void(std::uint64_t index, failure reason)>;
  explicit pending_tasks(end_task end) : end_(std::move(end)) {}

  bool empty() const noexcept { return returned_.empty() && suspects_.empty(); }
  bool any_returned() const noexcept { return !returned_.empty(); }
  bool any_suspects() const noexcept { return !suspects_.empty(); }

  /// The next at most `most` tasks; less where they are to be shared out over `workers`.
  std::optional<task_bundle> next(std::uint32_t most, std::uint32_t workers);
  /// A task that has to be alone with its worker, if there is one.
  task_bundle next_suspect();

  /// Notes what is being handed over, so that it has its outcome where that fails in the middle.
  task_bundle& hold(task_bundle&& tasks) { return in_hand_.emplace(std::move(tasks)); }
  task_bundle& held() noexcept { return *in_hand_; }
  void let_go() noexcept { in_hand_.reset(); }
  /// What is held was not handed over after all, and comes next.
  void put_back();

  /// Takes over all of `tasks`, in front of the others or behind them, without memory.
  void return_first(task_bundles& tasks) noexcept { returned_.splice(returned_.begin(), tasks); }
  void return_last(task_bundles& tasks) noexcept { returned_.splice(returned_.end(), tasks); }
  void suspect(task_bundles& tasks) noexcept { suspects_.splice(suspects_.end(), tasks); }

  /// From now on the tasks for whose index `whose` is true are unwanted: they end when they come here.
  void cancel(std::function<bool(std::uint64_t index)> whose);
  bool any_cancelled() const noexcept { return static_cast<bool>(unwanted_); }
  bool cancelled(std::uint64_t index) const { return unwanted_ && unwanted_(index); }
  /// Ends the unwanted ones among `tasks`, or among all that are here.
  void drop_unwanted(task_bundles& tasks);
  void drop_unwanted();
  /// Ends all.
  void end_all(const std::function<failure()>& reason);

 private:
  void drop_some(task_bundles& tasks, task_bundles::iterator mixed);

  end_task end_;
  std::optional<task_bundle> in_hand_;
  task_bundles returned_;
  task_bundles suspects_;  ///< single tasks
  std::function<bool(std::uint64_t index)> unwanted_;
};

}  // namespace fanout::detail
