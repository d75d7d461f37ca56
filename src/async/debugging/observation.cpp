#include <fanout/async/detail/observation.hpp>

#include "async/debugging/task_record.hpp"
#include "async/debugging/watchdog.hpp"

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

namespace fanout::detail {

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
  if (const auto* observed = parent.target<observed_executor>()) record_->parent = observed->watch().record->id;
  task_registry::instance().add(*record_);
  return true;
}

asio::any_io_executor task_observation::watch(const asio::any_io_executor& parent) const {
  const auto* observed = parent.target<observed_executor>();
  return observed_executor(observed ? observed->inner() : parent, {record_});
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

const asio::any_io_executor* watched_by(const asio::any_io_executor& executor) noexcept {
  if (const auto* const listened = executor.target<listened_executor>()) return &listened->inner();
  if (const auto* const observed = executor.target<observed_executor>()) return &observed->inner();
  return nullptr;
}

}  // namespace fanout::detail
