#pragma once

#include <fanout/async/debug.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <source_location>
#include <string>

namespace fanout::detail {

/// What the books say of one task. All but what it waits for is fixed when it is opened.
class task_record {
 public:
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string name = {};
  std::source_location spawned_at = {};
  std::atomic<const char*> waits_for = nullptr;  ///< a literal, so nothing is published along with it
};

/// Completes a report with who it is about, and hands it over.
void report_about(const task_record& record, debug_report about);

/// As the options say.
std::chrono::nanoseconds stall_threshold();

}  // namespace fanout::detail
