#include "cli/fetch/run_monitor.hpp"

#include "cli/text/messages.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace fanout::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds redraw_interval{100};

/// Columns of the terminal now; it may be made smaller at any time.
std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

}  // namespace

run_monitor::run_monitor(const fetch::run_statistics& statistics, monitor_options how)
    : statistics_(statistics), how_(std::move(how)) {
  if (!how_.log.empty()) log_.emplace(how_.log, how_.beginning);
  if (how_.metrics)
    server_ = std::make_unique<metrics_server>(std::move(*how_.metrics), [this] { return metrics_text(view()); });
  if (how_.style == progress_style::none && !log_ && !server_) return;
  if (how_.inputs) counting_ = std::thread([this] { count_inputs(); });
  if (how_.style != progress_style::none || log_) looking_ = std::thread([this] { look(); });
}

run_monitor::~run_monitor() {
  end();
}

void run_monitor::end(const std::vector<fetch::host_limit>& limits) {
  if (ending_.exchange(true)) return;
  {
    const std::lock_guard lock(mutex_);
    wakes_.notify_all();
  }
  if (looking_.joinable()) looking_.join();
  if (counting_.joinable()) counting_.join();
  server_.reset();
  if (!drawn_.empty()) tell("\r\x1b[K");
  const auto total = total_.load();
  if (log_)
    log_->end(steady_clock::now() - begun_, statistics_.figures(),
              total < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(total)), limits);
}

void run_monitor::look() {
  auto next_line = begun_ + how_.interval;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (wakes_.wait_for(lock, redraw_interval, [this] { return ending_.load(); })) return;
    }
    const auto now = steady_clock::now();
    if (how_.style == progress_style::bar) draw();
    if (how_.style == progress_style::plain && now >= next_line) {
      tell(progress_line(view()));
      next_line = now + how_.interval;
    }
    if (log_ && log_->due(now - begun_)) {
      const auto total = total_.load();
      log_->add(now - begun_, statistics_.figures(),
                total < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(total)));
    }
  }
}

void run_monitor::draw() {
  std::string text = progress_bar(view(), terminal_width());
  if (text == drawn_) return;
  tell("\r" + text + "\x1b[K");
  drawn_ = std::move(text);
}

void run_monitor::count_inputs() {
  try {
    fetch::request_source inputs = how_.inputs();
    std::int64_t count = 0;
    for (;;) {
      if (ending_.load(std::memory_order_relaxed)) return;
      if (how_.part) {
        const auto each = inputs.next();
        if (!each) break;
        count += how_.part->has(each->url);
      } else {
        if (!inputs.skip()) break;
        ++count;
      }
    }
    total_.store(count - static_cast<std::int64_t>(how_.passed_over));
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): the run reads the same list, and says so
  }
}

progress_view run_monitor::view() {
  progress_view made{.now = statistics_.figures()};
  const auto now = steady_clock::now();
  made.elapsed = now - begun_;
  made.done_before = how_.beginning.done_before;
  if (const auto total = total_.load(); total >= 0) made.total = static_cast<std::uint64_t>(total);
  const std::lock_guard lock(views_);
  constexpr std::chrono::seconds lately{10};
  samples_.push_back({now, made.now.ended, made.now.counts.bytes});
  while (samples_.size() > 2 && samples_[1].at + lately < now) samples_.pop_front();
  const sample from = samples_.size() > 1 ? samples_.front() : sample{begun_, 0, 0};
  const double took = std::max(1e-3, std::chrono::duration<double>(now - from.at).count());
  made.rate = static_cast<double>(made.now.ended - from.ended) / took;
  made.byte_rate = static_cast<double>(made.now.counts.bytes - from.bytes) / took;
  if (auto slow = statistics_.slowest_hosts(1); !slow.empty()) made.slowest = std::move(slow[0]);
  return made;
}

}  // namespace fanout::cli
