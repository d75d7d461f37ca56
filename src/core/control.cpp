#include <fanout/core/detail/control.hpp>

#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace fanout::detail {
namespace {

constexpr std::chrono::milliseconds progress_interval{100};

void signal_handle(int handle) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(handle, &one, sizeof one);  // fails only when it is signalled already
}

}  // namespace

run_control::run_control(const fanout::options& options) : options_(options) {
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  more_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
  if (wake_ < 0 || more_ < 0) {
    const int why = errno;
    close_handles();
    throw std::system_error(why, std::generic_category(), "cannot start a run");
  }
  on_stop_.emplace(options.stop, [this] { abort(); });
  on_drain_.emplace(options.drain, [this] { drain(); });
}

run_control::~run_control() {
  on_stop_.reset();
  on_drain_.reset();
  close_handles();
}

void run_control::close_handles() noexcept {
  if (wake_ >= 0) close(wake_);
  if (more_ >= 0) close(more_);
}

void run_control::exhaust() {
  const std::lock_guard lock(mutex_);
  exhausted_ = true;
  end_pulling();
}

void run_control::drain() {
  const std::lock_guard lock(mutex_);
  end_pulling();
}

void run_control::end_pulling() {
  if (!pulling_.exchange(false, std::memory_order_relaxed)) return;
  signal_handle(wake_);
  notify();
}

void run_control::abort() {
  {
    const std::lock_guard lock(mutex_);
    if (aborted_.exchange(true, std::memory_order_relaxed)) return;
    end_pulling();
    notify();
  }
  abort_.request_stop();  // runs callbacks of the tasks, so not under the lock
}

void run_control::follow_raised() {
  const int level = options_.interrupt->level();
  if (level >= 2) abort();
  if (level == 1) drain();
}

void run_control::break_off(std::exception_ptr why) {
  {
    const std::lock_guard lock(mutex_);
    if (!broken_) broken_ = std::move(why);
    broken_flag_.store(true, std::memory_order_release);
  }
  abort();
}

void run_control::rethrow_broken() {
  if (broken_) std::rethrow_exception(broken_);
}

void run_control::notify() {
  for (observer* seen = observers_; seen; seen = seen->next_) seen->changed_();
}

void run_control::wake_waiting() {
  if (!anyone_waiting() || wake_sent_.exchange(true)) return;
  const std::lock_guard lock(mutex_);
  signal_handle(more_);
  notify();
}

run_control::observer::observer(run_control& control, std::function<void()> changed)
    : control_(control), changed_(std::move(changed)) {
  const std::lock_guard lock(control_.mutex_);
  next_ = control_.observers_;
  control_.observers_ = this;
}

run_control::observer::~observer() {
  const std::lock_guard lock(control_.mutex_);
  observer** link = &control_.observers_;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
}

void run_control::keep_held(std::uint64_t index, std::vector<held_span> held) {
  const std::lock_guard lock(mutex_);
  held_.insert_or_assign(index, std::move(held));
}

void run_control::count(const outcome_facts& facts, bool ok) {
  ++report_.tasks;
  if (!ok) {
    ++report_.failures;
    if (options_.on_error == on_error::fail_fast) abort();
  }
  if (options_.timeline) {
    task_span span{facts.index, facts.lane, facts.started, facts.finished, facts.cpu, ok, {}};
    {
      const std::lock_guard lock(mutex_);
      if (auto kept = held_.extract(facts.index)) span.held = std::move(kept.mapped());
    }
    report_.timeline.push_back(std::move(span));
  }
  if (options_.on_progress && facts.finished >= next_progress_) {
    next_progress_ = facts.finished + progress_interval;
    options_.on_progress({report_.tasks, report_.failures, facts.finished - started_});
  }
}

failure run_control::cancelled() const {
  return {.kind = failure_kind::cancelled, .message = "the run was stopped before this task finished"};
}

failure run_control::timed_out(std::chrono::nanoseconds limit, std::string_view how) const {
  const auto milliseconds = std::chrono::duration<double, std::milli>(limit).count();
  return {.kind = failure_kind::timeout, .message = fmt::format("over its limit of {:g} ms{}", milliseconds, how)};
}

failure run_control::classify_stopped(failure reason, bool was_timed_out, std::chrono::nanoseconds limit) const {
  bool told_to_end = reason.kind == failure_kind::cancelled;
  if (reason.exception && !told_to_end) {
    try {
      std::rethrow_exception(reason.exception);
    } catch (const boost::system::system_error& thrown) {
      told_to_end = thrown.code() == boost::system::errc::operation_canceled;
    } catch (const std::system_error& thrown) {
      told_to_end = thrown.code() == std::errc::operation_canceled;
    } catch (...) {
      told_to_end = false;
    }
  }
  if (!told_to_end) return reason;
  failure told = was_timed_out ? timed_out(limit, "") : cancelled();
  told.elapsed = reason.elapsed;
  return told;
}

fanout::report run_control::finish(const fanout::shape& ran) {
  const auto now = std::chrono::steady_clock::now();
  report_.shape = ran;
  report_.stopped = !exhausted_ || aborted();
  report_.wall = now - started_;
  if (options_.on_progress) options_.on_progress({report_.tasks, report_.failures, report_.wall});
  return std::move(report_);
}

}  // namespace fanout::detail
