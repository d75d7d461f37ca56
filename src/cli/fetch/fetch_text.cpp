#include "cli/fetch/fetch_text.hpp"

#include <fanout/fetch/record_text.hpp>

#include "cli/fetch/progress_text.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <iterator>

namespace fanout::cli {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

double rate(std::uint64_t count, std::chrono::nanoseconds duration) {
  return duration.count() > 0 ? static_cast<double>(count) / seconds(duration) : 0;
}

std::uint64_t responseless(const fetch::job_figures& of) {
  const auto found = of.by_status.find(0);
  return found == of.by_status.end() ? 0 : found->second;
}

}  // namespace

std::string summary_text(const fetch::job_report& done) {
  const report& cost = done.cost;
  const fetch::counts& counts = done.counts;
  const std::uint64_t before = done.done_before;
  const std::uint64_t repeats = done.repeats;
  const std::uint64_t retries = done.retries;
  const std::uint32_t in_flight_found = done.in_flight_found;
  std::string failures;
  for (const auto& [kind, count] : counts.by_kind)
    fmt::format_to(std::back_inserter(failures), "{}{} {}", failures.empty() ? " (" : ", ", count, to_string(kind));
  if (!failures.empty()) failures += ')';
  if (counts.skipped > 0) fmt::format_to(std::back_inserter(failures), ", {} skipped", counts.skipped);
  if (repeats > 0) fmt::format_to(std::back_inserter(failures), ", {} repeats passed over", repeats);
  if (retries > 0) fmt::format_to(std::back_inserter(failures), ", {} retries", retries);
  if (done.elsewhere > 0)
    fmt::format_to(std::back_inserter(failures), ", {} of other shards passed over", done.elsewhere);
  if (before > 0) fmt::format_to(std::back_inserter(failures), ", {} done before", before);
  // What was found counts, not what it might have become.
  std::string shape = to_string(cost.shape);
  if (in_flight_found > 0)
    shape = fmt::format("{}, up to {} in flight", shape.substr(0, shape.find(':')), in_flight_found);
  std::string text =
      fmt::format("{} fetched, {} failed{}, {} in {:.2f} s: {:.0f} a second, {} ({:.2f} cores, {} peak)\n",
                  counts.succeeded - counts.skipped, counts.failed, failures, fetch::readable_bytes(counts.bytes),
                  seconds(cost.wall), rate(cost.tasks, cost.wall), shape, cost.cores_used(),
                  fetch::readable_bytes(cost.peak_rss_bytes));
  if (in_flight_found == 0 && !cost.choice.empty()) text += fmt::format("auto: {}\n", cost.choice);
  return text;
}

std::string state_text(const progress& now, const fetch::counts& counts) {
  return fmt::format("fanout fetch: {} done, {} failed, {:.0f} a second\n", now.finished, counts.failed,
                     rate(now.finished, now.elapsed));
}

std::string waiting_text(const fetch::waiting_requests& left) {
  const auto s = [](std::uint64_t count) { return count == 1 ? "" : "s"; };
  std::string text = fmt::format(
      "fanout fetch: {} URL{} of {} host{} left, all waiting for a retry or until the host may be asked again; the "
      "last "
      "one for {:.0f} s",
      left.requests, s(left.requests), left.hosts, s(left.hosts), std::ceil(seconds(left.latest)));
  if (left.given_up)
    fmt::format_to(std::back_inserter(text), ". URLs left after {:.0f} s are given up (--give-up-after)",
                   std::ceil(seconds(*left.given_up)));
  return text + "\n";
}

std::string statistics_text(const fetch::run_statistics& of) {
  const fetch::job_figures all = of.figures();
  if (all.ended < 2) return {};
  const auto ms = [&](double share) {
    return std::chrono::duration<double, std::milli>(all.latency.percentile(share)).count();
  };
  const std::uint64_t responses = all.ended - responseless(all);
  std::string text;
  if (responses > 0)
    text = fmt::format(
        "latency: 50% {:.1f} ms, 90% {:.1f}, 99% {:.1f}, longest {:.1f}; {} of {} responses over open connections\n",
        ms(0.5), ms(0.9), ms(0.99), ms(1), all.reused, responses);
  std::string worst;
  for (const fetch::host_figures& each : of.worst_hosts(3))
    fmt::format_to(std::back_inserter(worst), "{}{} ({})", worst.empty() ? "" : ", ", shown_name(each.host, 60),
                   each.failed);
  if (!worst.empty()) text += fmt::format("most failures: {}\n", worst);
  return text;
}

}  // namespace fanout::cli
