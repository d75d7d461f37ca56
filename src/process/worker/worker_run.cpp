#include "process/worker/worker_run.hpp"

#include <fanout/core/detail/pipeline.hpp>
#include <fanout/core/detail/usage.hpp>

#include <boost/asio/this_coro.hpp>

#include <utility>

namespace fanout::detail {
namespace {

options make_options(const setup_frame& setup) {
  options how{grid(1, setup.threads, setup.in_flight)};
  how.on_error = on_error::collect;
  how.timeline = setup.timeline != 0;
  return how;
}

}  // namespace

worker_run::worker_run(parent_link& parent, const setup_frame& setup, frame_reader& reader, progress_page page)
    : parent_(parent),
      setup_(setup),
      options_(make_options(setup)),
      one_lane_(setup.threads == 1 && setup.loops == 0),
      control_(options_),
      page_(std::move(page)),
      results_(parent, page_.unsent()),
      queue_(parent, page_, reader, control_, results_, setup.threads, one_lane_),
      io_thread_(parent, control_, queue_, results_) {}

void worker_run::run() {
  std::string choice;
  run_lanes(control_, *this, options_.shape, setup_.loops != 0, choice);
  io_thread_.stop();
  results_.flush();
  control_.rethrow_broken();
}

int worker_run::source_handle() {
  return parent_.socket();
}

void worker_run::begin_task(const claimed_task& taken, std::uint32_t lane, clock::time_point started) {
  auto& state = page_.lane(lane);
  // Relaxed, then release: the parent reads the time only of a task it sees under way.
  state.started_ns.store(started.time_since_epoch().count(), std::memory_order_relaxed);
  state.task.store(taken.ordinal + 1, std::memory_order_release);
}

pull_status worker_run::run_one(std::uint32_t lane, cpu_stopwatch& cpu) {
  claimed_task taken;
  if (const auto status = queue_.claim(taken); status != pull_status::item) return status;
  want_io_thread(taken);
  run_batch(taken, lane, cpu);
  page_.lane(lane).task.store(0, std::memory_order_release);
  return pull_status::item;
}

/// Runs a task and, on the lane that takes all of them, the rest of its batch. There each starts when the one before it
/// ended, by one reading of the clock.
void worker_run::run_batch(claimed_task& taken, std::uint32_t lane, cpu_stopwatch& cpu) {
  std::string value;
  std::optional<failure> failed;
  bool first = true;
  auto started = one_lane_ ? clock_.now() : clock::now();
  for (;;) {
    begin_task(taken, lane, started);
    cpu.start(started);
    value.clear();
    failed.reset();
    try {
      taken.batch->function->call(lane, taken.argument(), value);
    } catch (...) {
      failed = current_failure();
    }
    const auto finished = one_lane_ ? clock_.now() : clock::now();
    const result_sender::ended_task ended{taken.ordinal, setup_.first_lane + lane, started, finished,
                                          cpu.stop(started, finished)};
    if (!one_lane_) {
      page_.lane(lane).task.store(0, std::memory_order_release);
      return results_.add(ended, value, failed);
    }
    results_.collect(ended, value, failed, first);
    first = false;
    started = finished;
    if (!queue_.claim_next(taken)) return;
    if (results_.waiting()) io_thread_.want();
  }
}

/// On having claimed a task: it may turn out long.
void worker_run::want_io_thread(const claimed_task& taken) {
  if (taken.batch->more_may_come || queue_.backlog() || results_.waiting()) io_thread_.want();
}

void worker_run::tell_held(std::uint64_t ordinal, const std::vector<held_span>& spans) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::held);
  append_raw(bytes, held_frame{ordinal});
  encode_held(spans, bytes);
  frame.close();
  results_.send(bytes);
}

task<void> worker_run::run_slot(slot& place) {
  for (;;) {
    if (place.cancelled()) {
      co_await asio::this_coro::reset_cancellation_state();
      place.forget_cancellation();
    }
    claimed_task taken;
    const auto status = queue_.claim(taken);
    if (status == pull_status::end) break;
    if (status == pull_status::not_ready) {
      task<void> wait = place.wait_for_source();
      co_await std::move(wait);
      continue;
    }
    want_io_thread(taken);
    place.took_item();
    const auto started = clock::now();
    place.begin_task(started, taken.batch->limit);
    std::string value;
    std::optional<failure> failed;
    try {
      task<void> work = taken.batch->function->instance(place.lane_number()).call_async(taken.argument(), value);
      co_await std::move(work);
    } catch (...) {
      failed = current_failure();
    }
    const auto finished = clock::now();
    const auto cpu = place.end_task(finished);
    if (setup_.timeline != 0) tell_held(taken.ordinal, place.take_held());
    if (failed && place.cancelled())
      failed = control_.classify_stopped(*std::move(failed), place.timed_out(), taken.batch->limit);
    results_.add({.ordinal = taken.ordinal,
                  .lane = setup_.first_lane + place.lane_number(),
                  .started = started,
                  .finished = finished,
                  .cpu = cpu},
                 value, failed);
  }
}

}  // namespace fanout::detail
