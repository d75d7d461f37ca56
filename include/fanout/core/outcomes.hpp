#pragma once

#include <fanout/core/detail/outcome_queue.hpp>
#include <fanout/core/run.hpp>

#include <cstddef>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

/// \file
/// The outcomes of a run as a range: pulled by a loop instead of pushed to a sink.
///
///     for (const fanout::outcome<page>& got : fanout::outcomes(fanout::async(64), fetch, urls)) {
///       if (!got) continue;
///       if (got.value().is_what_we_want()) break;   // the rest is cancelled and awaited
///     }
namespace fanout {

/// The outcomes of a run as they complete, one after another. The run has a thread of its own, where the sink of `run`
/// would be called, and is never further ahead of who pulls than its shape has tasks in flight, and 64 at least.
///
/// Destroying it stops the run: nothing more is pulled from the source, tasks under way are cancelled and awaited.
///
/// Thread safety: one thread at a time. Movable; iterators stay valid.
template <class Result>
class [[nodiscard]] outcome_range {
  class pulled_run;

 public:
  using value_type = outcome<Result>;

  /// Input iterator; there is one position, which all of them share.
  class iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = outcome<Result>;
    using difference_type = std::ptrdiff_t;

    iterator() = default;
    value_type& operator*() const noexcept { return *run_->current_; }
    value_type* operator->() const noexcept { return &*run_->current_; }
    iterator& operator++() {
      run_->current_ = run_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return !at.run_->current_; }

   private:
    friend class outcome_range;
    explicit iterator(pulled_run& run) : run_(&run) {}
    pulled_run* run_ = nullptr;
  };

  /// The next outcome, or waits for one; empty at the end. Throws what `run` throws, once.
  [[nodiscard]] std::optional<value_type> next() { return run_->next(); }

  iterator begin() {
    run_->current_ = run_->next();
    return iterator(*run_);
  }
  std::default_sentinel_t end() const noexcept { return {}; }

  /// What the run cost, when the range has come to its end; empty before.
  [[nodiscard]] const std::optional<fanout::report>& report() const noexcept { return run_->report(); }

 private:
  template <any_source Source, class Task>
  friend auto outcomes(options how, Task function, Source&& inputs);

  /// Without the types of task and source.
  class pulled_run : public detail::outcome_queue {
   public:
    explicit pulled_run(const options& how) : outcome_queue(how) {}

    std::optional<value_type> next() {
      std::optional<value_type> got;
      {
        std::unique_lock lock(mutex());
        wait_for_value(lock);
        if (!values_.empty()) {
          got.emplace(std::move(values_.front()));
          values_.pop_front();
          took(values_.size());
        }
      }
      if (!got) rethrow_failure();
      return got;
    }

    std::optional<value_type> current_;  ///< of its iterators

   protected:
    void put(value_type&& out) {
      std::unique_lock lock(mutex());
      if (!wait_for_room(lock, values_.size())) return;  // nobody will take it
      values_.push_back(std::move(out));
      added();
    }

   private:
    std::deque<value_type> values_;
  };

  template <class Source, class Task>
  class typed_run final : public pulled_run {
   public:
    typed_run(const options& how, Task&& function, Source&& inputs)
        : pulled_run(how), function_(std::move(function)), inputs_(std::forward<Source>(inputs)) {
      this->start();
    }
    ~typed_run() { this->stop(); }

   private:
    fanout::report perform(const options& how) override {
      return run(how, function_, std::forward<Source>(inputs_), [this](value_type out) { this->put(std::move(out)); });
    }

    Task function_;
    Source inputs_;  ///< a reference where it was given as an lvalue
  };

  explicit outcome_range(std::unique_ptr<pulled_run> run) : run_(std::move(run)) {}

  std::unique_ptr<pulled_run> run_;
};

/// Runs `function` on every input, as `run` does, and returns the range of its outcomes, failures included. `inputs`
/// given as an lvalue must outlive the range; an rvalue is kept in it. Starts at once.
///
/// Throws `std::system_error` when the system has no thread for it. What `run` throws, for a shape that cannot run this
/// task for example, the range throws where it is pulled.
template <any_source Source, class Task>
auto outcomes(options how, Task function, Source&& inputs) {
  using item = source_item_t<Source>;
  if constexpr (detail::check_task<Task, item>()) {
    using range = outcome_range<task_result_t<Task, item>>;
    using typed = typename range::template typed_run<Source, Task>;
    return range(std::make_unique<typed>(how, std::move(function), std::forward<Source>(inputs)));
  }
}
/// Of inputs written where they are used: `{1, 2, 3}`.
template <class Task, class Item>
auto outcomes(options how, Task function, std::initializer_list<Item> inputs) {
  return outcomes(std::move(how), std::move(function), detail::listed<Task>(inputs));
}

}  // namespace fanout
