#include "async/debugging/task_record.hpp"

#include <fanout/async/detail/running_mark.hpp>

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace fanout::detail {

std::atomic<bool> debugging_on = false;

namespace {

void write_to_standard_error(const debug_report& report) {
  fmt::print(stderr, "fanout: {}\n", report.text());
}

bool read_environment() {
  const char* const asked = std::getenv("FANOUT_DEBUG");
  const bool enabled = asked && *asked && std::string_view(asked) != "0";
  if (enabled) task_registry::instance().set({.enabled = true, .on_report = write_to_standard_error});
  return enabled;
}

// Here, since a program that spawns a child has this source, whatever else it takes from the library.
[[maybe_unused]] const bool environment_read = read_environment();

}  // namespace

task_registry& task_registry::instance() {
  static task_registry* const kept = new task_registry;  // never destroyed: tasks may outlive what is static
  return *kept;
}

void task_registry::set(debug_options options) {
  const std::lock_guard lock(mutex_);
  options_ = std::make_shared<const debug_options>(std::move(options));
  debugging_on.store(options_->enabled, std::memory_order_relaxed);
}

std::shared_ptr<const debug_options> task_registry::options() const {
  const std::lock_guard lock(mutex_);
  return options_;
}

void task_registry::add(task_record& record) {
  const std::lock_guard lock(mutex_);
  record.id = ++last_id_;
  live_.emplace_hint(live_.end(), record.id, &record);
}

bool task_registry::remove(const task_record& record) {
  const std::lock_guard lock(mutex_);
  return live_.erase(record.id) > 0;
}

std::vector<task_state> task_registry::dump() const {
  const std::lock_guard lock(mutex_);
  std::vector<task_state> states;
  states.reserve(live_.size());
  for (const auto& [id, record] : live_) {  // a parent has the lower id
    const char* const waits = record->waits_for.load(std::memory_order_relaxed);
    states.push_back({id, record->parent, record->name, record->spawned_at, waits ? waits : ""});
  }
  return states;
}

void report_about(const task_record& record, debug_report about) {
  const auto options = task_registry::instance().options();
  if (!options->enabled || !options->on_report) return;
  about.task = record.name;
  about.spawned_at = record.spawned_at;
  options->on_report(about);
}

std::chrono::nanoseconds stall_threshold() {
  return task_registry::instance().options()->stall_threshold;
}

}  // namespace fanout::detail
