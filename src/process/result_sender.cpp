#include "process/result_sender.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace fanout::detail {
namespace {

std::int64_t to_ns(std::chrono::steady_clock::time_point time) {
  return time.time_since_epoch().count();
}

}  // namespace

result_sender::result_sender(parent_link& parent) : parent_(parent), flushed_ns_(to_ns(clock::now())) {}

void result_sender::add(const ended_task& task, std::string& value, std::optional<failure>& failed) {
  if (value.size() > max_value_bytes && !failed) failed = too_large_to_travel();
  if (failed) {
    value.clear();
    encode_failure(*failed, value);
  }
  const std::lock_guard lock(mutex_);
  take_run();
  append_header({.first_ordinal = task.ordinal,
                 .started_ns = to_ns(task.started),
                 .finished_ns = to_ns(task.finished),
                 .cpu_ns = task.cpu.count(),
                 .count = 1,
                 .lane = task.lane,
                 .each = static_cast<std::uint32_t>(value.size()),
                 .ok = failed ? 0U : 1U});
  results_ += value;
  after_append(task.finished);
}

void result_sender::collect(const ended_task& task, std::string& value, std::optional<failure>& failed,
                            bool first_of_batch) {
  // A task whose CPU time was worth measuring is worth a run of its own.
  if (failed || task.cpu.count() >= 0 || value.size() > run_bytes / 4) return add(task, value, failed);
  if (!run_ || first_of_batch || !fits(task, value)) begin_run(task);
  run& open = *run_;
  const std::uint32_t place = open.complete.load(std::memory_order_relaxed);
  const std::uint32_t begin = place == 0 ? 0 : open.value_ends[place - 1];
  std::memcpy(open.bytes.data() + begin, value.data(), value.size());
  open.value_ends[place] = begin + static_cast<std::uint32_t>(value.size());
  run_finished_ns_ = to_ns(task.finished);
  open.ends[place] = static_cast<std::uint32_t>(run_finished_ns_ - open.started_ns);
  if (place > 0 && value.size() != open.value_ends[0]) open.uniform.store(false, std::memory_order_relaxed);
  open.complete.store(place + 1, std::memory_order_release);
  run_waits_.store(true, std::memory_order_release);
  if (run_finished_ns_ - flushed_ns_.load(std::memory_order_relaxed) >=
      std::chrono::nanoseconds(flush_interval).count()) {
    const std::lock_guard lock(mutex_);
    take_run();
    flush_locked(task.finished);
  }
}

/// Whether it can follow what the run has: its lane's next task, begun as the last one ended.
bool result_sender::fits(const ended_task& task, std::string_view value) const {
  const run& open = *run_;
  const std::uint32_t place = open.complete.load(std::memory_order_relaxed);
  return place > 0 && place < run_tasks && task.ordinal == open.first_ordinal + place &&
         to_ns(task.started) == run_finished_ns_ && open.value_ends[place - 1] + value.size() <= run_bytes &&
         to_ns(task.finished) - open.started_ns < std::numeric_limits<std::uint32_t>::max();
}

void result_sender::begin_run(const ended_task& task) {
  const std::lock_guard lock(mutex_);
  if (!run_) run_ = std::make_unique<run>();
  take_run();
  if (results_.size() >= flush_bytes) flush_locked(task.finished);
  run_->first_ordinal = task.ordinal;
  run_->started_ns = to_ns(task.started);
  run_->lane = task.lane;
  run_->sent = 0;
  run_->uniform.store(true, std::memory_order_relaxed);
  run_->complete.store(0, std::memory_order_relaxed);
}

/// Takes over what the run has and has not been taken. Acquire: what was counted is seen.
void result_sender::take_run() {
  if (!run_) return;
  run& open = *run_;
  run_waits_.exchange(false, std::memory_order_acquire);
  const std::uint32_t to = open.complete.load(std::memory_order_acquire);
  const std::uint32_t from = open.sent;
  if (from == to) return;
  const std::uint32_t begun = from == 0 ? 0 : open.ends[from - 1];
  const std::uint32_t bytes_from = from == 0 ? 0 : open.value_ends[from - 1];
  const bool uniform = open.uniform.load(std::memory_order_relaxed) || to - from == 1;
  append_header({.first_ordinal = open.first_ordinal + from,
                 .started_ns = open.started_ns + begun,
                 .finished_ns = open.started_ns + open.ends[to - 1],
                 .count = to - from,
                 .lane = open.lane,
                 .each = uniform ? open.value_ends[from] - bytes_from : varying_size,
                 .ok = 1});
  const auto append_from = [&](const auto& ends, std::uint32_t start) {
    for (std::uint32_t i = from; i < to; ++i) append_raw(results_, ends[i] - start);
  };
  if (to - from > 1) append_from(open.ends, begun);
  if (!uniform) append_from(open.value_ends, bytes_from);
  results_.append(open.bytes.data() + bytes_from, open.value_ends[to - 1] - bytes_from);
  open.sent = to;
}

void result_sender::append_header(const results_header& header) {
  if (!frame_) frame_.emplace(results_, frame_type::results);
  append_raw(results_, header);
  frame_waits_.store(true, std::memory_order_relaxed);
}

void result_sender::after_append(clock::time_point now) {
  if (results_.size() >= flush_bytes ||
      to_ns(now) - flushed_ns_.load(std::memory_order_relaxed) >= std::chrono::nanoseconds(flush_interval).count())
    flush_locked(now);
}

void result_sender::flush() {
  const std::lock_guard lock(mutex_);
  take_run();
  flush_locked(clock::now());
}

void result_sender::flush_due() {
  if (!waiting()) return;
  const std::lock_guard lock(mutex_);
  const auto now = clock::now();
  if (to_ns(now) - flushed_ns_.load(std::memory_order_relaxed) < std::chrono::nanoseconds(flush_interval).count())
    return;
  take_run();
  flush_locked(now);
}

void result_sender::flush_locked(clock::time_point now) {
  flushed_ns_.store(to_ns(now), std::memory_order_relaxed);
  frame_waits_.store(false, std::memory_order_relaxed);
  if (!frame_) return;
  frame_->close();
  frame_.reset();
  parent_.send_all(results_);
  results_.clear();
}

void result_sender::send(std::string_view frame) {
  const std::lock_guard lock(mutex_);
  take_run();
  flush_locked(clock::now());
  parent_.send_all(frame);
}

}  // namespace fanout::detail
