#pragma once

#include <fanout/async/debug_report.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <source_location>
#include <string>
#include <vector>

namespace fanout::detail {

/// What is known of one watched task. All but what it waits for is fixed when the task is spawned.
class task_record {
 public:
  std::uint64_t id = 0;
  std::uint64_t parent = 0;
  std::string name = {};
  std::source_location spawned_at = {};
  std::atomic<const char*> waits_for = nullptr;  ///< a literal, so nothing is published along with it
};

/// The live tasks that are watched, and the options that say where reports go.
///
/// Thread safety: all of it.
class task_registry {
 public:
  static task_registry& instance();

  void set(debug_options options);
  std::shared_ptr<const debug_options> options() const;
  void add(task_record& record);
  bool remove(const task_record& record);
  std::vector<task_state> dump() const;

 private:
  task_registry() = default;

  mutable std::mutex mutex_;
  std::shared_ptr<const debug_options> options_ = std::make_shared<const debug_options>();
  std::map<std::uint64_t, const task_record*> live_;
  std::uint64_t last_id_ = 0;
};

/// Completes a report with who it is about, and hands it over.
void report_about(const task_record& record, debug_report about);

/// As the options say.
std::chrono::nanoseconds stall_threshold();

}  // namespace fanout::detail
