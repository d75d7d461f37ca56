#include <fanout/async/debug.hpp>
#include <fanout/async/detail/observation.hpp>
#include <fanout/base/failure.hpp>

#include "async/debugging/task_record.hpp"
#include "async/debugging/watchdog.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

namespace fanout {
namespace detail {

namespace {

void write_to_standard_error(const debug_report& report) {
  fmt::print(stderr, "fanout: {}\n", report.text());
}

bool read_environment() {
  const char* const asked = std::getenv("FANOUT_DEBUG");
  const bool enabled = asked && *asked && std::string_view(asked) != "0";
  if (enabled) set_debug({.enabled = true, .on_report = write_to_standard_error});
  return enabled;
}

std::string place_of(const std::source_location& where) {
  return where.line() ? fmt::format(" (spawned at {}:{})", where.file_name(), where.line()) : std::string();
}

std::string message_of(const std::exception_ptr& failed) {
  try {
    std::rethrow_exception(failed);
  } catch (...) {
    return current_failure().message;
  }
}

}  // namespace

[[maybe_unused]] const bool environment_read = read_environment();

void waiting_for::set(const char* what) noexcept {
  const running_mark* const turn = watched_thread::mine().current();
  if (!turn) return;
  record_ = turn->record_.get();
  before_ = record_->waits_for.exchange(what, std::memory_order_relaxed);
}

void waiting_for::clear() noexcept {
  record_->waits_for.store(before_, std::memory_order_relaxed);
}

bool task_observation::open(const spawn_site& site, const asio::any_io_executor& parent) {
  record_ = std::make_shared<task_record>();
  record_->name = site.index == no_index ? std::string(site.name) : fmt::format("{}[{}]", site.name, site.index);
  record_->spawned_at = site.where;
  if (const auto* observed = parent.target<observed_executor>()) record_->parent = observed->record()->id;
  task_registry::instance().add(*record_);
  return true;
}

asio::any_io_executor task_observation::watch(const asio::any_io_executor& parent) const {
  const auto* observed = parent.target<observed_executor>();
  return observed_executor(observed ? observed->inner() : parent, record_);
}

void task_observation::close() noexcept {
  task_registry::instance().remove(*record_);
}

void task_observation::abandon() noexcept {
  if (record_ && task_registry::instance().remove(*record_))
    report_about(*record_, {.what = debug_report::kind::destroyed_pending});
}

void task_observation::report(const std::exception_ptr& failed) const {
  report_about(*record_, {.what = debug_report::kind::failure_unobserved, .failure = failed});
}

running_mark::running_mark(std::shared_ptr<task_record> record) noexcept
    : record_(std::move(record)), started_(std::chrono::steady_clock::now()) {
  watched_thread::mine().enter(*this);
}

running_mark::~running_mark() {
  const auto held = watched_thread::mine().leave(*this);
  if (held >= stall_threshold()) report_about(*record_, {.what = debug_report::kind::stalled, .held = held});
}

}  // namespace detail

std::string debug_report::text() const {
  std::string whose = task + detail::place_of(spawned_at);
  switch (what) {
    case kind::stalling:
      return fmt::format("{} has been holding its loop for {:.1f} ms", whose,
                         std::chrono::duration<double, std::milli>(held).count());
    case kind::stalled:
      return fmt::format("{} held its loop for {:.1f} ms", whose,
                         std::chrono::duration<double, std::milli>(held).count());
    case kind::failure_unobserved:
      return fmt::format("{} failed, and nobody was told: {}", whose, detail::message_of(failure));
    case kind::destroyed_pending:
      return fmt::format("{} was destroyed before it had ended", whose);
  }
  return whose;
}

void set_debug(debug_options options) {
  detail::task_registry::instance().set(std::move(options));
  detail::watchdog::instance().stop();  // the next turn of a watched task starts another
}

std::vector<task_state> dump_tasks() {
  return detail::task_registry::instance().dump();
}

std::string to_string(const std::vector<task_state>& tasks) {
  std::multimap<std::uint64_t, const task_state*> children;
  for (const task_state& each : tasks) children.emplace(each.parent, &each);
  std::string text;
  const auto print = [&](const auto& self, std::uint64_t parent, std::size_t depth) -> void {
    const auto [first, last] = children.equal_range(parent);
    for (auto each = first; each != last; ++each) {
      const task_state& state = *each->second;
      const std::string waits = state.waiting_for.empty() ? std::string() : ", waits for " + state.waiting_for;
      text += std::string(2 * depth, ' ') + state.name + detail::place_of(state.spawned_at) + waits + '\n';
      self(self, state.id, depth + 1);
    }
  };
  print(print, 0, 0);
  return text;
}

}  // namespace fanout
