#pragma once

#include <fanout/core/shape.hpp>

#include "process/supervisor/task_time.hpp"
#include "process/supervisor/worker_record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace fanout::detail {

/// Which worker gets tasks, and how many.
///
/// A worker has one task for each of its places, and more only when tasks turn out to be short: then some wait at the
/// worker, about `ahead` worth of work, so that a worker need not wait for its parent between them and many travel in
/// one frame. A long task never waits behind another while a worker is idle.
///
/// Thread safety: none.
class dispatch_rules {
 public:
  static constexpr std::chrono::milliseconds ahead{4};
  static constexpr std::uint32_t most_ahead = 65'536;        ///< tasks waiting at one worker
  static constexpr std::size_t most_bytes_ahead = 1U << 20;  ///< their inputs, together
  /// A worker that is at one task for longer holds up what waits behind it.
  static constexpr std::chrono::milliseconds long_task{2};

  /// `max_tasks` of a worker's life; 0 for any number.
  dispatch_rules(const fanout::shape& shape, std::uint64_t max_tasks)
      : lanes_(shape.threads), places_(shape.threads * shape.in_flight), max_tasks_(max_tasks) {}

  std::uint32_t places() const noexcept { return places_; }
  std::uint32_t places_ahead() const noexcept;

  /// Whether it has had as many tasks as it may have.
  bool worn(const worker_record& worker) const noexcept {
    return max_tasks_ > 0 && worker.tasks.end_ordinal() >= max_tasks_;
  }
  /// Of `most`, how many it may have in its life; `worker` is null for one that is yet to be started.
  std::uint32_t within_life(const worker_record* worker, std::uint32_t most) const noexcept;
  /// Whether it may be handed anything. While tasks are called back from a worker it gets no others: those would have
  /// the same ordinals.
  bool may_take(const worker_record& worker) const noexcept;
  /// Whether one of its places is free.
  bool has_place(const worker_record& worker) const noexcept {
    return may_take(worker) && worker.tasks.unfinished() < places_;
  }
  /// How many tasks it should have, all in all; 0 when it should get none now: they are handed over in batches.
  std::uint32_t fill_level(const worker_record& worker) const;
  bool may_have_more(const worker_record& worker, std::uint32_t level) const noexcept {
    return worker.tasks.unfinished() < level && worker.tasks.unfinished_bytes() < most_bytes_ahead;
  }
  /// Whether all lanes of a worker have been at their tasks for long enough that what waits behind them is held up.
  bool stands_still(const worker_record& worker) const;

  /// For a task that has to be alone with its worker.
  enum class suspect_place { never, when_idle, now };
  suspect_place place_for_suspect(const worker_record& worker) const noexcept;
  /// Of two workers that are busy, whether `worker` is the one to wait for.
  static bool sooner_idle(const worker_record& worker, const worker_record* other) noexcept {
    return !other || worker.share == task_share::reserved || worker.tasks.unfinished() < other->tasks.unfinished();
  }

  /// What tasks take, as results tell.
  task_time& time() noexcept { return time_; }
  const task_time& time() const noexcept { return time_; }

 private:
  std::uint32_t lanes_;
  std::uint32_t places_;
  std::uint64_t max_tasks_;
  task_time time_;
};

/// When a worker has nothing to do, or none runs where one could, and there is nothing to give it, the one that has
/// most waiting gives half of it back, if that is worth a round trip. Tasks that are not worth it are soon done, unless
/// one of them turns out long; so this is asked again a little later.
struct rebalance {
  worker_record* from = nullptr;  ///< gives back all tasks that wait but for the first `keep`; null: none does
  std::uint32_t keep = 0;
  bool ask_again = false;  ///< after `dispatch_rules::long_task`

  /// `workers` has null where none runs; one `may_start` there or not.
  static rebalance among(std::span<worker_record* const> workers, bool may_start, const dispatch_rules& rules);
};

}  // namespace fanout::detail
