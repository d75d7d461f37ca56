#include <fanout/async/detail/child_array.hpp>
#include <fanout/async/exception_group.hpp>

#include <algorithm>
#include <utility>

namespace fanout::detail {

child_array::child_array(asio::any_io_executor executor, std::size_t size, concurrency_limit limit, spawn_site site)
    : child_scope(std::move(executor)),
      children_(std::make_unique<child[]>(size)),
      size_(size),
      limit_(std::min(size, limit.children())),
      site_(site) {}

void child_array::start() {
  fill();
}

// A child may end within `start_child`: then its place is taken by the next from the loop below, not from inside of it,
// where a million of them would be a stack of a million calls.
void child_array::fill() {
  if (filling_) return;
  filling_ = true;
  while (next_ < size_ && running_ < limit_ && !cancelled()) {
    ++running_;
    start_child(next_++);
  }
  filling_ = false;
}

void child_array::on_end(child& ended, const std::exception_ptr& failed) {
  --running_;
  settle(static_cast<std::size_t>(&ended - children_.get()), failed);
  fill();
}

void child_array::report_unobserved(std::size_t index, const std::exception_ptr& failed) {
  if (debugging() && failed && !is_cancellation(failed)) children_[index].observed().report_unobserved(failed);
}

// all_must_succeed --------------------------------------------------------------------------------------------------

void all_must_succeed::settle(std::size_t index, const std::exception_ptr& failed) {
  if (!failed) {
    ++succeeded_;
  } else if (!first_failure_) {
    first_failed_ = index;
    first_failure_ = failed;
    cancel();
  } else {
    report_unobserved(index, failed);
  }
}

void all_must_succeed::check() {
  if (first_failure_) std::rethrow_exception(std::exchange(first_failure_, nullptr));
  if (succeeded_ < size()) std::rethrow_exception(cancellation());  // cancelled before the last ones had begun
}

// all_settle --------------------------------------------------------------------------------------------------------

void all_settle::settle(std::size_t index, const std::exception_ptr& failed) {
  failures_[index] = failed;
}

std::exception_ptr all_settle::failure(std::size_t index) const {
  return failures_[index] ? failures_[index] : cancellation();
}

// first_to_finish ---------------------------------------------------------------------------------------------------

void first_to_finish::settle(std::size_t index, const std::exception_ptr& failed) {
  if (winner_) return report_unobserved(index, failed);
  winner_ = index;
  failed_ = failed;
  cancel();
}

std::size_t first_to_finish::winner() const {
  if (failed_) std::rethrow_exception(failed_);
  if (!winner_) std::rethrow_exception(cancellation());
  return *winner_;
}

// first_to_succeed --------------------------------------------------------------------------------------------------

void first_to_succeed::settle(std::size_t index, const std::exception_ptr& failed) {
  if (failed) {
    if (winner_) return report_unobserved(index, failed);
    failures_.push_back(failed);
  } else if (!winner_) {
    winner_ = index;
    cancel();
  }
}

std::size_t first_to_succeed::winner() const {
  if (winner_) return *winner_;
  if (parent_cancelled()) std::rethrow_exception(cancellation());
  throw exception_group(failures_);
}

}  // namespace fanout::detail
