#include "cli/fetch_summary.hpp"

#include <fanout/fetch/record_text.hpp>

#include "cli/output.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <iterator>

namespace fanout::cli {
namespace {

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

double rate(std::uint64_t count, std::chrono::nanoseconds duration) {
  return duration.count() > 0 ? static_cast<double>(count) / seconds(duration) : 0;
}

boost::json::object of_worker(const worker_report& each) {
  boost::json::object all{{"tasks", each.tasks},
                          {"starts", each.starts},
                          {"restarts", each.restarts},
                          {"cpu_s", seconds(each.cpu)},
                          {"peak_rss_bytes", each.peak_rss_bytes},
                          {"bytes_sent", each.bytes_sent},
                          {"bytes_received", each.bytes_received}};
  if (!each.warning.empty()) all["warning"] = each.warning;
  return all;
}

}  // namespace

void fetch_counts::add(const fetch::record& result) {
  bytes += result.bytes;
  if (!result.error) {
    ++succeeded;
    return;
  }
  ++failed;
  ++by_kind[*result.error];
}

std::string summary_json(const report& cost, const fetch_counts& counts) {
  boost::json::object failures;
  for (const auto& [kind, count] : counts.by_kind) failures[to_string(kind)] = count;
  boost::json::array workers;
  for (const worker_report& each : cost.workers) workers.push_back(of_worker(each));
  const boost::json::object all{
      {"tasks", cost.tasks},
      {"succeeded", counts.succeeded},
      {"failed", counts.failed},
      {"failures", failures},
      {"stopped", cost.stopped},
      {"bytes", counts.bytes},
      {"wall_s", seconds(cost.wall)},
      {"per_s", rate(cost.tasks, cost.wall)},
      {"shape", to_string(cost.shape)},
      {"choice", cost.choice},
      {"cpu_s", seconds(cost.cpu())},
      {"cores_used", cost.cores_used()},
      {"voluntary_switches", cost.voluntary_switches},
      {"involuntary_switches", cost.involuntary_switches},
      {"peak_rss_bytes", cost.peak_rss_bytes},
      {"processes", cost.processes},
      {"threads", cost.threads},
      {"restarts", cost.restarts},
      {"ipc_bytes", cost.ipc_bytes},
      {"ipc_s", seconds(cost.ipc_time)},
      {"workers", workers},
  };
  return boost::json::serialize(all) + "\n";
}

std::string summary_text(const report& cost, const fetch_counts& counts) {
  std::string failures;
  for (const auto& [kind, count] : counts.by_kind)
    fmt::format_to(std::back_inserter(failures), "{}{} {}", failures.empty() ? " (" : ", ", count, to_string(kind));
  if (!failures.empty()) failures += ')';
  std::string text = fmt::format(
      "{} fetched, {} failed{}, {} in {:.2f} s: {:.0f} a second, {} ({:.2f} cores, {} peak)\n", counts.succeeded,
      counts.failed, failures, fetch::readable_bytes(counts.bytes), seconds(cost.wall), rate(cost.tasks, cost.wall),
      to_string(cost.shape), cost.cores_used(), fetch::readable_bytes(cost.peak_rss_bytes));
  if (!cost.choice.empty()) text += fmt::format("auto: {}\n", cost.choice);
  return text;
}

void show_progress(const progress& now, const fetch_counts& counts) {
  tell(fmt::format("\r\x1b[K{} done, {} failed, {:.0f} a second", now.finished, counts.failed,
                   rate(now.finished, now.elapsed)));
}

void clear_progress() {
  tell("\r\x1b[K");
}

}  // namespace fanout::cli
