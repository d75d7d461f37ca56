#include <fanout/fetch/summary.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <chrono>

namespace fanout::fetch {
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

std::string summary_json(const report& cost, const counts& of) {
  boost::json::object failures;
  for (const auto& [kind, count] : of.by_kind) failures[to_string(kind)] = count;
  boost::json::array workers;
  for (const worker_report& each : cost.workers) workers.push_back(of_worker(each));
  const boost::json::object all{
      {"tasks", cost.tasks},
      {"succeeded", of.succeeded},
      {"failed", of.failed},
      {"failures", failures},
      {"skipped", of.skipped},
      {"stopped", cost.stopped},
      {"bytes", of.bytes},
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

}  // namespace fanout::fetch
