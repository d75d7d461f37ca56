#include <fanout/fetch/run_statistics.hpp>
#include <fanout/fetch/shard.hpp>

#include <algorithm>

namespace fanout::fetch {

void counts::add(const record& result) {
  bytes += result.bytes;
  skipped += result.skipped;
  if (!result.error) {
    ++succeeded;
    return;
  }
  ++failed;
  ++by_kind[*result.error];
}

void run_statistics::ended(const request& asked, const record& result) {
  const std::string_view host = host_in(asked.url);
  const std::chrono::nanoseconds took(result.elapsed_ns);
  const bool failed = result.error.has_value() && result.error != failure_kind::cancelled;
  const std::lock_guard lock(mutex_);
  so_far_.counts.add(result);
  ++so_far_.ended;
  so_far_.reused += result.reused;
  const auto status = static_cast<std::size_t>(std::max(result.status, 0));
  if (status < by_status_.size())
    ++by_status_[status];
  else
    ++so_far_.by_status[result.status];
  so_far_.latency.add(took);
  by_time_.add(host, static_cast<std::uint64_t>(std::max<std::int64_t>(result.elapsed_ns / 1'000, 1)), failed);
  if (failed) by_failures_.add(host, 1, true);
}

job_figures run_statistics::figures() const {
  job_figures now;
  {
    const std::lock_guard lock(mutex_);
    now = so_far_;
    for (std::size_t i = 0; i < by_status_.size(); ++i)
      if (by_status_[i] > 0) now.by_status[static_cast<std::int32_t>(i)] = by_status_[i];
  }
  // Read last: none has ended that has not begun.
  now.begun = std::max(begun_.load(std::memory_order_relaxed), now.ended);
  return now;
}

std::vector<host_figures> run_statistics::slowest_hosts(std::size_t most) const {
  std::vector<host_figures> all;
  {
    const std::lock_guard lock(mutex_);
    for (const heavy_hitters::entry& each : by_time_.entries())
      all.push_back(
          {each.name, each.count, each.flagged,
           std::chrono::microseconds(static_cast<std::int64_t>(each.own() / std::max<std::uint64_t>(each.count, 1)))});
  }
  std::sort(all.begin(), all.end(), [](const host_figures& a, const host_figures& b) {
    return a.mean != b.mean ? a.mean > b.mean : a.host < b.host;
  });
  if (all.size() > most) all.resize(most);
  return all;
}

std::vector<host_figures> run_statistics::worst_hosts(std::size_t most) const {
  std::vector<host_figures> all;
  const std::lock_guard lock(mutex_);
  for (const heavy_hitters::entry& each : by_failures_.largest(most)) {
    host_figures made{each.name, each.own(), each.own(), {}};
    const auto& entries = by_time_.entries();
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const auto& other) { return other.name == each.name; });
    if (found != entries.end() && found->count >= made.failed) {
      made.requests = found->count;
      made.mean = std::chrono::microseconds(static_cast<std::int64_t>(found->own() / found->count));
    }
    all.push_back(std::move(made));
  }
  return all;
}

}  // namespace fanout::fetch
