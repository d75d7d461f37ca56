#include <fanout/async/as_completed.hpp>

namespace fanout::detail {

task<std::optional<std::size_t>> completion_queue::next() {
  const auto all_taken = [this] { return taken_ == (cancelled() ? begun() : size()); };
  while (ended_.empty() && !all_taken()) {
    task<void> event = consumer_.wait("a child to end");
    co_await std::move(event);
  }
  if (ended_.empty()) co_return std::nullopt;
  const std::size_t index = ended_.front();
  ended_.pop_front();
  ++taken_;
  co_return index;
}

void completion_queue::on_end(child& ended, const std::exception_ptr& failed) {
  if (&ended != &body_) return all_settle::on_end(ended, failed);
  body_failed_ = failed;
  cancel();
}

void completion_queue::settle(std::size_t index, const std::exception_ptr& failed) {
  all_settle::settle(index, failed);
  ended_.push_back(index);
  consumer_.wake();
}

void completion_queue::check_body() {
  for (const std::size_t left : ended_) report_unobserved(left, thrown(left));
  if (body_failed_) std::rethrow_exception(body_failed_);
}

}  // namespace fanout::detail
