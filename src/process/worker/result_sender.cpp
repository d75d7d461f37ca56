#include "process/worker/result_sender.hpp"

#include <cstring>
#include <limits>

namespace fanout::detail {
namespace {

std::int64_t to_ns(std::chrono::steady_clock::time_point time) {
  return time.time_since_epoch().count();
}

}  // namespace

result_sender::result_sender(parent_link& parent, unsent_results& unsent)
    : parent_(parent), unsent_(unsent), flushed_ns_(to_ns(clock::now())) {}

void result_sender::add(const ended_task& task, std::string& value, std::optional<failure>& failed) {
  if (value.size() > max_value_bytes && !failed) failed = too_large_to_send();
  if (failed) {
    value.clear();
    encode_failure(*failed, value);
  }
  const std::lock_guard lock(mutex_);
  take_run();
  append({.first_ordinal = task.ordinal,
          .started_ns = to_ns(task.started),
          .finished_ns = to_ns(task.finished),
          .cpu_ns = task.cpu.count(),
          .count = 1,
          .lane = task.lane,
          .each = static_cast<std::uint32_t>(value.size()),
          .ok = failed ? 0U : 1U},
         value);
  if (size_ >= flush_bytes || due(task.finished)) flush_locked(task.finished);
}

void result_sender::collect(const ended_task& task, std::string& value, std::optional<failure>& failed,
                            bool first_of_batch) {
  // A task whose CPU time was worth measuring is worth a run of its own.
  if (failed || task.cpu.count() >= 0 || value.size() > run_bytes / 4) return add(task, value, failed);
  if (first_of_batch || !fits(task, value)) begin_run(task);
  auto& run = unsent_.collected;
  const std::uint32_t place = run.complete.load(std::memory_order_relaxed);
  const std::uint32_t begin = place == 0 ? 0 : run.value_ends[place - 1];
  std::memcpy(run.bytes.data() + begin, value.data(), value.size());
  run.value_ends[place] = begin + static_cast<std::uint32_t>(value.size());
  run_finished_ns_ = to_ns(task.finished);
  run.ends[place] = static_cast<std::uint32_t>(run_finished_ns_ - run.started_ns);
  if (place > 0 && value.size() != run.value_ends[0]) run.varying.store(1, std::memory_order_relaxed);
  run.complete.store(place + 1, std::memory_order_release);
  run_waits_.store(true, std::memory_order_release);
  if (!due(task.finished)) return;
  const std::lock_guard lock(mutex_);
  take_run();
  flush_locked(task.finished);
}

/// Whether it can follow what the run has: its lane's next task, begun as the last one ended.
bool result_sender::fits(const ended_task& task, std::string_view value) const {
  const auto& run = unsent_.collected;
  const std::uint32_t place = run.complete.load(std::memory_order_relaxed);
  return place > 0 && place < unsent_results::run_tasks && task.ordinal == run.first_ordinal + place &&
         to_ns(task.started) == run_finished_ns_ && run.value_ends[place - 1] + value.size() <= run_bytes &&
         to_ns(task.finished) - run.started_ns < std::numeric_limits<std::uint32_t>::max();
}

void result_sender::begin_run(const ended_task& task) {
  const std::lock_guard lock(mutex_);
  take_run();
  if (size_ >= flush_bytes) flush_locked(task.finished);
  auto& run = unsent_.collected;
  run.complete.store(0, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);  // nothing is counted any more when the rest changes
  run.first_ordinal = task.ordinal;
  run.started_ns = to_ns(task.started);
  run.lane = task.lane;
  run.varying.store(0, std::memory_order_relaxed);
  sent_ = 0;
}

/// Takes over what the run has and has not been taken. Acquire: what was counted is seen.
void result_sender::take_run() {
  run_waits_.exchange(false, std::memory_order_acquire);
  const std::uint32_t to = unsent_.collected.complete.load(std::memory_order_acquire);
  if (sent_ == to) return;
  if (room() < unsent_results::most_run_frame) flush_locked(clock::now());
  const char* const end = unsent_.collected.write(frame_end(), sent_, to);
  appended(static_cast<std::size_t>(end - frame_end()));
  sent_ = to;
}

/// A value that is too large to wait with others is sent from where it is.
void result_sender::append(const results_header& header, std::string_view value) {
  const std::size_t bytes = sizeof header + value.size();
  if (bytes > room()) flush_locked(clock::now());
  if (bytes > room()) {
    const frame_header framed{static_cast<std::uint32_t>(bytes), frame_type::results};
    std::string front;
    append_raw(front, framed);
    append_raw(front, header);
    parent_.send_all(front);
    return parent_.send_all(value);
  }
  std::memcpy(frame_end(), &header, sizeof header);
  std::memcpy(frame_end() + sizeof header, value.data(), value.size());
  appended(bytes);
}

/// Release: a process that sees it counted sees its bytes.
void result_sender::appended(std::size_t bytes) {
  size_ += static_cast<std::uint32_t>(bytes);
  unsent_.framed.store(size_, std::memory_order_release);
  frame_waits_.store(true, std::memory_order_relaxed);
}

bool result_sender::due(clock::time_point now) const noexcept {
  return to_ns(now) - flushed_ns_.load(std::memory_order_relaxed) >= std::chrono::nanoseconds(flush_interval).count();
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
  if (!due(now)) return;
  take_run();
  flush_locked(now);
}

void result_sender::flush_locked(clock::time_point now) {
  flushed_ns_.store(to_ns(now), std::memory_order_relaxed);
  frame_waits_.store(false, std::memory_order_relaxed);
  if (size_ == 0) return;
  const frame_header header{size_, frame_type::results};
  std::memcpy(unsent_.frame.data(), &header, sizeof header);
  parent_.send_all({unsent_.frame.data(), sizeof header + size_});
  size_ = 0;
  unsent_.framed.store(0, std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_release);  // nothing is counted any more when the rest changes
}

void result_sender::send(std::string_view frame) {
  const std::lock_guard lock(mutex_);
  take_run();
  flush_locked(clock::now());
  parent_.send_all(frame);
}

}  // namespace fanout::detail
