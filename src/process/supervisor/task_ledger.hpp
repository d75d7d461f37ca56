#pragma once

#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/detail/remote_job.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <utility>
#include <vector>

namespace fanout::detail {

/// Tasks on their way through the workers, whole, so that they can be handed to another.
struct task_bundle {
  std::uint64_t first_index = 0;  ///< in the job; the others follow
  task_terms terms;
  encoded_values inputs;
  std::uint32_t deaths = 0;  ///< workers that died at it; then it is a single one, which gets a worker to itself

  std::uint32_t count() const noexcept { return inputs.count(); }
  /// Those from position `from` up to before `to`.
  task_bundle part(std::uint32_t from, std::uint32_t to) const {
    return {first_index + from, terms, inputs.slice(from, to), deaths};
  }
};

/// They go from one list to another where there is no memory, too.
using task_bundles = std::list<task_bundle>;

/// Tasks handed to a worker together.
class handed_batch {
 public:
  handed_batch(std::uint64_t first_ordinal, task_bundle&& tasks)
      : first_ordinal_(first_ordinal), tasks_(std::move(tasks)), unfinished_(tasks_.count()) {}

  std::uint64_t first_ordinal() const noexcept { return first_ordinal_; }
  std::uint64_t end_ordinal() const noexcept { return first_ordinal_ + tasks_.count(); }
  std::uint64_t index_of(std::uint64_t ordinal) const noexcept {
    return tasks_.first_index + (ordinal - first_ordinal_);
  }
  std::uint32_t place_of(std::uint64_t ordinal) const noexcept {
    return static_cast<std::uint32_t>(ordinal - first_ordinal_);
  }
  const task_bundle& tasks() const noexcept { return tasks_; }
  std::uint32_t unfinished() const noexcept { return unfinished_; }

  bool finished(std::uint64_t ordinal) const noexcept {
    const std::uint32_t place = place_of(ordinal);
    return place < front_ || (place < out_of_order_.size() && out_of_order_[place]);
  }
  /// Books those up to before `end` as finished. False when one of them is already.
  bool finish(std::uint64_t first, std::uint64_t end);
  /// The first that is not finished; `end_ordinal()` when all are.
  std::uint64_t front_ordinal() const noexcept { return first_ordinal_ + front_; }
  /// From here on none is finished.
  std::uint64_t untouched_ordinal() const noexcept {
    return first_ordinal_ + std::max<std::size_t>(front_, out_of_order_.size());
  }
  /// Takes those from `ordinal` on, none of which is finished, out of it.
  task_bundle cut(std::uint64_t ordinal);

 private:
  std::uint64_t first_ordinal_;
  task_bundle tasks_;
  std::uint32_t unfinished_;
  std::uint32_t front_ = 0;         ///< all before are finished
  std::vector<bool> out_of_order_;  ///< those beyond that are; as long as need be
};

/// What was handed to one worker and is not finished, in the order in which it was handed over. A task's ordinal is its
/// place in that order.
///
/// Thread safety: none.
class task_ledger {
 public:
  /// The ordinal of the next task.
  std::uint64_t end_ordinal() const noexcept { return end_ordinal_; }
  /// The oldest task that is not finished; `end_ordinal` when all are.
  std::uint64_t front_ordinal() const noexcept {
    return batches_.empty() ? end_ordinal_ : batches_.front().front_ordinal();
  }
  std::uint32_t unfinished() const noexcept { return unfinished_; }
  std::size_t unfinished_bytes() const noexcept { return unfinished_bytes_; }  ///< of inputs

  /// Batches that are not wholly finished, oldest first.
  std::deque<handed_batch>& batches() noexcept { return batches_; }
  const std::deque<handed_batch>& batches() const noexcept { return batches_; }
  bool empty() const noexcept { return batches_.empty(); }
  /// The batch the task is in; null when it has none such.
  handed_batch* batch_of(std::uint64_t ordinal);
  bool finished_any_from(std::uint64_t ordinal) const;

  /// Books tasks as handed over. When it throws `std::bad_alloc`, `tasks` are as they were.
  void add(task_bundle&& tasks);
  /// Tasks up to before `end` were handed over, and finished, without being booked here.
  void skip_to(std::uint64_t end) noexcept { end_ordinal_ = end; }
  /// Books those of `batch` up to before `end` as finished; `drop_finished` may then destroy it. False when one of them
  /// is already.
  bool finish(handed_batch& batch, std::uint64_t first, std::uint64_t end);
  void drop_finished();
  /// Takes those from `from` on, none of which is finished, out again. When it throws `std::bad_alloc`, nothing has
  /// changed.
  task_bundles take_from(std::uint64_t from);
  void clear() noexcept { batches_.clear(); }

 private:
  std::deque<handed_batch> batches_;
  std::uint64_t end_ordinal_ = 0;
  std::uint32_t unfinished_ = 0;
  std::size_t unfinished_bytes_ = 0;
};

}  // namespace fanout::detail
