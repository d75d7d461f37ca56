#include <fanout/async/task_group.hpp>

#include <algorithm>

namespace fanout::detail {

void spawned_child::end(const std::exception_ptr& failed) {
  ended_ = true;
  failed_ = failed;
  joining_.wake();
}

task<void> spawned_child::join() {
  if (!ended_) {
    task<void> event = joining_.wait("the result of a task");
    co_await std::move(event);
  }
  if (failed_) std::rethrow_exception(failed_);
}

// The failures that are left were never thrown: the loop was destroyed before the last child had ended.
group_scope::~group_scope() {
  for (const kept_failure& each : failures_)
    (each.of ? each.of->observed() : body_.observed()).report_unobserved(each.what);
}

// A child that says it was cancelled is no failure once it has been. Neither is the body's, but without a value of the
// body's there is nothing to return.
void group_scope::on_end(child& ended, const std::exception_ptr& failed) {
  const bool expected = cancelled() && is_cancellation(failed);
  std::shared_ptr<spawned_child> spawned;
  if (&ended == &body_) {
    if (expected) body_cancelled_ = failed;
  } else {
    auto& self = static_cast<spawned_child&>(ended);
    spawned = std::move(self.self_);
    self.end(failed);
  }
  if (!failed || expected) return;
  // The body may have been thrown the failure of a child that it awaited.
  const bool known = std::ranges::find(failures_, failed, &kept_failure::what) != failures_.end();
  if (!known) failures_.push_back({std::move(spawned), failed});
  cancel_all();
}

void group_scope::on_abandoned(child* holder) noexcept {
  if (!holder || holder == &body_) return;
  auto& self = static_cast<spawned_child&>(*holder);
  const std::shared_ptr<spawned_child> kept = std::move(self.self_);
  self.joining_.drop();
}

void group_scope::check() {
  std::vector<std::exception_ptr> thrown;
  thrown.reserve(failures_.size());
  for (kept_failure& each : failures_) thrown.push_back(std::move(each.what));
  failures_.clear();
  throw_together(std::move(thrown));
  if (body_cancelled_) std::rethrow_exception(body_cancelled_);
}

}  // namespace fanout::detail
