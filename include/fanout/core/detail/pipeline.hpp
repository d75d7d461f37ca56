#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/lane_tasks.hpp>
#include <fanout/core/detail/lanes.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/core/detail/serialization_sampler.hpp>
#include <fanout/core/detail/serialization_timer.hpp>
#include <fanout/core/detail/slot.hpp>
#include <fanout/core/detail/usage.hpp>
#include <fanout/core/source.hpp>
#include <fanout/core/traits.hpp>

#include <chrono>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>

/// \file
/// One run: source -> task -> outcome -> sink. Not for users: `run` is built from it.
namespace fanout::detail {

/// Throws `std::invalid_argument` when tasks of this kind cannot run under `asked`.
void check_shape(const fanout::shape& asked, bool coroutine, bool remote);
/// The same for a run on a pool or on nodes, whatever its shape.
void check_backend(bool remote);
/// The failure of a blocking task that ran to its end, past its limit.
failure overran(const run_control& control, std::chrono::nanoseconds took);

/// The half of `lane_work` that only tasks that are coroutines have.
template <class Pipeline, bool Coroutine>
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): GCC takes a friend for somebody who may delete it
class slot_runner : public lane_work {
 protected:
  ~slot_runner() = default;
};
template <class Pipeline>
class slot_runner<Pipeline, true> : public lane_work {
  static_assert(
      requires { sizeof(coroutine_operations<dependent<Pipeline, void>>); },
      "a task that is a coroutine needs #include <fanout/base/task.hpp>");

 public:
  task<dependent<Pipeline, void>> run_slot(slot& place) override {
    return static_cast<Pipeline*>(this)->run_tasks(place);
  }

 protected:
  ~slot_runner() = default;
};

/// The typed half of a run; `run_control` and the lanes are the untyped one.
///
/// The source is guarded by one mutex and the sink by another, so that a lane may pull while another delivers. On one
/// lane both are uncontended.
template <class Source, class Task, class Sink>
class pipeline final : public slot_runner<pipeline<Source, Task, Sink>, is_coroutine_task<Task, source_item_t<Source>>>,
                       public remote_job {
  using item = source_item_t<Source>;
  using result = task_result_t<Task, item>;
  using outcome_type = outcome<result>;
  static constexpr bool coroutine = is_coroutine_task<Task, item>;
  static constexpr bool remote = remote_task_for<Task, item>;
  static constexpr bool sink_takes_input = std::is_invocable_v<Sink&, outcome_type, const item&>;
  static_assert(sink_takes_input || std::is_invocable_v<Sink&, outcome_type>,
                "the sink must be callable with outcome<R>, or with outcome<R> and the input, where R is what the task "
                "returns");

 public:
  pipeline(const options& how, Task& function, Source&& source, Sink& sink)
      : how_(how),
        control_(how_),
        source_(make_puller(std::forward<Source>(source))),
        task_(function),
        lane_tasks_(function),
        sink_(sink) {
    validate(how_.shape);
    check_shape(how_.shape, coroutine, remote);
    if (how_.backend) check_backend(remote);
  }

  report run() {
    const usage_meter meter;
    fanout::shape ran = how_.shape;
    std::string choice;
    report cost;
    if (how_.backend || ran.uses_workers()) {
      if constexpr (remote)
        (how_.backend ? *how_.backend.workers() : installed_worker_backend()).run(control_, *this, ran, cost);
    } else {
      std::optional<fanout::shape> next;
      ran = run_lanes(control_, *this, ran, coroutine, choice, &next);
      if constexpr (remote) {
        if (next && control_.pulling()) {
          ran = *next;
          installed_worker_backend().run(control_, *this, ran, cost);
        }
      }
    }
    control_.rethrow_broken();
    return collect(meter, ran, std::move(choice), std::move(cost));
  }

  // lane_work -------------------------------------------------------------------------------------------------------

  pull_status run_one(std::uint32_t lane_number, cpu_stopwatch& cpu) override {
    if constexpr (coroutine) {
      throw std::logic_error("a coroutine task needs an event loop");
    } else {
      Task& function = lane_tasks_.of(lane_number);
      std::optional<item> input;
      outcome_type out;
      if (const auto status = pull(input, out.index); status != pull_status::item) return status;
      out.lane = lane_number;
      serialization_.sample_input(task_, *input);
      out.started = outcome_facts::clock::now();
      cpu.start(out.started);
      try {
        if constexpr (std::is_void_v<result>) {
          invoke_task(function, argument(*input), control_.stop_token());
          outcome_access::succeed(out);
        } else {
          outcome_access::succeed(out, invoke_task(function, argument(*input), control_.stop_token()));
        }
      } catch (...) {
        outcome_access::fail(out, current_failure());
      }
      out.finished = outcome_facts::clock::now();
      out.cpu = cpu.stop(out.started, out.finished);
      if (how_.task_timeout.count() > 0 && out.elapsed() > how_.task_timeout)
        outcome_access::fail(out, overran(control_, out.elapsed()));
      else if (!out.ok() && control_.aborted())
        outcome_access::fail(out, control_.classify_stopped(out.error(), false, how_.task_timeout));
      serialization_.sample_result(task_, out);
      deliver(std::move(out), &*input);
      return pull_status::item;
    }
  }

  /// Runs coroutine tasks in a slot. `Place` is `slot`: a template, so that only runs of coroutines need Asio's
  /// headers.
  template <class Place>
  task<dependent<Place, void>> run_tasks(Place& place) {
    Task& function = lane_tasks_.of(place.lane_number());
    std::optional<item> input;
    while (!place.is_surplus()) {
      if (place.cancelled()) {
        co_await coroutine_operations<dependent<Place, void>>::reset_cancellation_state();
        place.forget_cancellation();
      }
      outcome_type out;
      const auto status = pull(input, out.index);
      if (status == pull_status::end) break;
      if (status == pull_status::not_ready) {
        auto wait = place.wait_for_source();
        co_await std::move(wait);
        continue;
      }
      place.took_item();
      serialization_.sample_input(task_, *input);
      out.lane = place.lane_number();
      out.started = outcome_facts::clock::now();
      place.begin_task(out.started, how_.task_timeout);
      try {
        auto work = invoke_task(function, argument(*input), control_.stop_token());
        if constexpr (std::is_void_v<result>) {
          co_await std::move(work);
          outcome_access::succeed(out);
        } else {
          result value = co_await std::move(work);
          outcome_access::succeed(out, std::move(value));
        }
      } catch (...) {
        outcome_access::fail(out, current_failure());
      }
      out.finished = outcome_facts::clock::now();
      out.cpu = place.end_task(out.finished);
      if (how_.timeline) control_.keep_held(out.index, place.take_held());
      const auto elapsed = out.elapsed();
      if (!out.ok() && place.cancelled())
        outcome_access::fail(out, control_.classify_stopped(out.error(), place.timed_out(), how_.task_timeout));
      serialization_.sample_result(task_, out);
      deliver(std::move(out), &*input);
      if constexpr (!in_place_source<puller>) input.reset();
      if (place.held_loop(elapsed)) {
        auto turn = place.give_way();
        co_await std::move(turn);
      }
    }
  }

  int source_handle() override {
    if constexpr (waitable_source<puller>)
      return source_.handle();
    else
      return -1;
  }

  serialization_cost cost_of_serialization() override { return serialization_.cost(); }

  // remote_job ------------------------------------------------------------------------------------------------------

  remote_callable function(std::uint32_t) const override {
    if constexpr (remote)
      return {std::string(task_.name()), task_.context()};
    else
      return {};
  }

  bool needs_loops() const override { return coroutine; }

  pull_status pull_encoded([[maybe_unused]] std::uint64_t& index, [[maybe_unused]] encoded_values& inputs,
                           task_terms& terms, [[maybe_unused]] std::uint32_t most,
                           [[maybe_unused]] std::size_t most_bytes) override {
    terms.limit = how_.task_timeout;
    if constexpr (remote) {
      const std::lock_guard lock(source_mutex_);
      input_appender<Task> all(inputs);
      for (;;) {
        serialization_timer encoding;
        const auto status = pull_some(index, all, encoding, most, most_bytes);
        encoded_in_ += encoding.of_all(all.count());
        if (status != pull_status::item) return status;
        try {
          all.flush();
        } catch (...) {  // of memory
          refuse_waiting(index, all);
        }
        if (all.count() > 0) return status;
      }
    } else {
      return pull_status::end;
    }
  }

  void deliver_results([[maybe_unused]] const result_batch& run) override {
    if constexpr (remote) {
      const std::lock_guard lock(sink_mutex_);
      if (deliver_plain(run)) return;
      serialization_timer decoding;
      for (std::uint32_t i = 0; i < run.count(); ++i) {
        outcome_type out = with_facts(run.facts(i));
        try {
          if constexpr (std::is_void_v<result>)
            outcome_access::succeed(out);
          else
            decoding.of(i, [&] { outcome_access::succeed(out, task_.decode_result(run.value(i))); });
        } catch (...) {
          outcome_access::fail(out, current_failure());
        }
        deliver_remote(std::move(out));
      }
      decoded_in_ += decoding.of_all(run.count());
    }
  }

  void deliver_failure(const outcome_facts& facts, failure reason) override {
    outcome_type out = with_facts(facts);
    outcome_access::fail(out, std::move(reason));
    const std::lock_guard lock(sink_mutex_);
    deliver_remote(std::move(out));
  }

 private:
  using puller = puller_t<Source>;

  static constexpr std::chrono::milliseconds longest_pull{1};

  pull_status pull(std::optional<item>& input, std::uint64_t& index) {
    const std::lock_guard lock(source_mutex_);
    return pull_locked(input, index);
  }

  pull_status pull_locked(std::optional<item>& input, std::uint64_t& index) {
    control_.follow_interrupt();
    if (!control_.pulling()) return pull_status::end;
    try {
      if constexpr (waitable_source<puller>) {
        if (!source_.ready()) {
          control_.begin_wait();
          return pull_status::not_ready;
        }
      }
      if constexpr (in_place_source<puller>) {
        if (!source_.next_into(input)) input.reset();
      } else if (auto next = source_.next()) {
        input.emplace(*std::move(next));  // not assigned: a pair of a map cannot be
      }
      if constexpr (waitable_source<puller>)
        if (input && control_.anyone_waiting() && source_.ready()) control_.wake_waiting();
    } catch (...) {
      control_.break_off(std::current_exception());
      return pull_status::end;
    }
    if (!input) {
      control_.exhaust();
      return pull_status::end;
    }
    index = next_index_++;
    return pull_status::item;
  }

  pull_status pull_some(std::uint64_t& index, input_appender<Task>& all, serialization_timer& encoding,
                        std::uint32_t most, std::size_t most_bytes) {
    const auto begun = outcome_facts::clock::now();
    while (all.count() < most && all.bytes() < most_bytes) {
      // A source may be slow: what it has given is not to wait for the rest. The clock is read ever more rarely.
      const std::uint32_t count = all.count();
      if (count > 0 && (count & (count - 1)) == 0 && outcome_facts::clock::now() - begun > longest_pull) break;
      std::optional<item> input;
      std::uint64_t own = 0;
      const auto status = pull_locked(input, own);
      if (status != pull_status::item) return all.count() > 0 ? pull_status::item : status;
      if (all.count() == 0) index = own;
      if (add_input(own, all, encoding, *std::move(input))) continue;
      if (all.count() > 0) break;  // the indices of those together have no gap
    }
    return pull_status::item;
  }

  /// False where it was refused, because it is too large or could not be encoded: that is its outcome then.
  bool add_input(std::uint64_t own, input_appender<Task>& all, serialization_timer& encoding, item&& input) {
    const item* kept = &input;
    failure reason;
    try {
      if constexpr (sink_takes_input) kept = &keep_input(own, std::move(input));
      bool fits = true;
      encoding.of(all.count(), [&] { fits = all.add(task_, *kept); });
      if (fits) return true;
      reason = too_large_to_send();
    } catch (...) {
      reason = not_encoded();
    }
    refuse(own, std::move(reason), *kept);
    if constexpr (sink_takes_input) inputs_under_way_.erase(own);
    return false;
  }

  /// What it has no memory for stays with the caller.
  const item& keep_input(std::uint64_t index, item&& input) {
    const std::size_t count = inputs_under_way_.size();
    if (count == inputs_under_way_.bucket_count()) inputs_under_way_.reserve(2 * count + 1);
    return inputs_under_way_.emplace(index, std::move(input)).first->second;
  }

  /// Those of which there was no memory to append them. Call it inside a `catch` block only.
  void refuse_waiting(std::uint64_t first, input_appender<Task>& all) {
    const std::uint64_t end = first + all.count();
    for (std::uint64_t index = end - all.drop_waiting(); index < end; ++index)
      deliver_failure(with_index(index), not_encoded());
  }

  void refuse(std::uint64_t index, failure reason, const item& input) {
    outcome_type out = with_facts(with_index(index));
    outcome_access::fail(out, std::move(reason));
    deliver(std::move(out), &input);
  }

  static outcome_facts with_index(std::uint64_t index) {
    outcome_facts facts;
    facts.index = index;
    facts.finished = facts.started = outcome_facts::clock::now();
    return facts;
  }

  /// Hands numbers and their like to a sink that takes them together, as that of `map` does. With sink_mutex_ held.
  bool deliver_plain([[maybe_unused]] const result_batch& run) {
    if constexpr (requires { requires Task::plain_result && Sink::takes_plain; }) {
      const char* const values = run.values_of_size(sizeof(result));
      if (!values || control_.counts_each()) return false;
      control_.count_succeeded(run.count());
      if (control_.broken()) return true;
      try {
        const auto begun = outcome_facts::clock::now();
        sink_.take_plain(run.first_index(), values, run.count());
        decoded_in_ += outcome_facts::clock::now() - begun;
      } catch (...) {
        control_.break_off(std::current_exception());
      }
      return true;
    } else {
      return false;
    }
  }

  /// The task may take its input apart, unless the sink is to see it afterwards.
  static decltype(auto) argument(item& input) {
    if constexpr (sink_takes_input && task_for<Task, const item&>)
      return std::as_const(input);
    else
      return std::move(input);
  }

  /// `input` may be null where the sink does not take it.
  void deliver(outcome_type&& out, const item* input) {
    const std::lock_guard lock(sink_mutex_);
    deliver_locked(std::move(out), input);
  }

  void deliver_locked(outcome_type&& out, [[maybe_unused]] const item* input) {
    if (!out.ok() && out.error().elapsed.count() == 0) out.error().elapsed = out.elapsed();
    control_.count(out, out.ok());
    if (control_.broken()) return;  // the sink threw before, or the source: that is what run() reports
    try {
      if constexpr (sink_takes_input)
        sink_(std::move(out), *input);
      else
        sink_(std::move(out));
    } catch (...) {
      control_.break_off(std::current_exception());
    }
  }

  /// With sink_mutex_ held.
  void deliver_remote(outcome_type&& out) {
    if constexpr (sink_takes_input) {
      const auto input = inputs_under_way_.extract(out.index);
      deliver_locked(std::move(out), &input.mapped());
    } else {
      deliver_locked(std::move(out), nullptr);
    }
  }

  static outcome_type with_facts(const outcome_facts& facts) {
    outcome_type out;
    static_cast<outcome_facts&>(out) = facts;
    return out;
  }

  report collect(const usage_meter& meter, const fanout::shape& ran, std::string choice, report cost) {
    report total = control_.finish(ran);
    total.choice = std::move(choice);
    total.processes = how_.backend || ran.uses_workers() ? cost.processes : 1;
    total.threads = total.processes * ran.threads;
    total.cpu_user = cost.cpu_user;
    total.cpu_system = cost.cpu_system;
    total.voluntary_switches = cost.voluntary_switches;
    total.involuntary_switches = cost.involuntary_switches;
    total.peak_rss_bytes = cost.peak_rss_bytes;
    total.ipc_bytes = cost.ipc_bytes;
    total.ipc_time = cost.ipc_time + encoded_in_ + decoded_in_;
    total.restarts = cost.restarts;
    total.workers = std::move(cost.workers);
    meter.add_to(total);
    return total;
  }

  const options how_;
  serialization_sampler<remote> serialization_{how_.shape.model == model::automatic && !how_.backend};
  run_control control_;
  std::mutex source_mutex_;
  std::mutex sink_mutex_;
  puller source_;
  Task& task_;
  lane_tasks<Task> lane_tasks_;
  Sink& sink_;
  std::uint64_t next_index_ = 0;
  std::chrono::nanoseconds encoded_in_{0};                    ///< with source_mutex_ held
  std::chrono::nanoseconds decoded_in_{0};                    ///< with sink_mutex_ held
  std::unordered_map<std::uint64_t, item> inputs_under_way_;  ///< only where the sink takes them from afar
};

}  // namespace fanout::detail
