#pragma once

#include "process/supervisor/worker_record.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

/// Workers without a process: what they would write on the page they share is written here.
namespace fanout::test {

/// `count` tasks of jobs' indices from `first` on, each with an input of `size` bytes.
inline detail::task_bundle some_tasks(std::uint64_t first, std::uint32_t count, std::size_t size = 4,
                                      detail::task_terms terms = {}) {
  detail::task_bundle tasks;
  tasks.first_index = first;
  tasks.terms = terms;
  for (std::uint32_t i = 0; i < count; ++i) {
    tasks.inputs.open() += std::string(size, static_cast<char>('a' + (first + i) % 26));
    tasks.inputs.close();
  }
  return tasks;
}

/// As the worker starts the next `count` of its tasks.
inline void start_tasks(const detail::worker_record& worker, std::uint32_t count) {
  worker.page().allow(static_cast<std::uint32_t>(worker.tasks.end_ordinal()));
  const std::atomic<std::uint32_t> no_end{~std::uint32_t{0}};
  std::uint32_t ordinal = 0;
  for (std::uint32_t i = 0; i < count; ++i) worker.page().claim(no_end, ordinal);
}

/// As a lane says what it is at.
inline void lane_is_at(const detail::worker_record& worker, std::uint32_t lane, std::uint64_t ordinal,
                       std::chrono::steady_clock::time_point since) {
  auto& state = worker.page().lane(lane);
  state.started_ns.store(since.time_since_epoch().count());
  state.task.store(ordinal + 1);
}

}  // namespace fanout::test
