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

double in_milliseconds(std::chrono::microseconds of) {
  return std::chrono::duration<double, std::milli>(of).count();
}

boost::json::object of_host(const host_figures& each) {
  return {{"host", each.host},
          {"requests", each.requests},
          {"failed", each.failed},
          {"mean_ms", in_milliseconds(each.mean)}};
}

boost::json::object object_of(const report& cost, const counts& of);

}  // namespace

std::string summary_json(const report& cost, const counts& of) {
  return boost::json::serialize(object_of(cost, of)) + "\n";
}

std::string summary_json(const report& cost, const counts& of, const run_statistics& statistics) {
  constexpr std::size_t hosts = 10;
  const job_figures all = statistics.figures();
  boost::json::object made = object_of(cost, of);
  boost::json::object statuses;
  for (const auto& [status, count] : all.by_status)
    if (status != 0) statuses[std::to_string(status)] = count;
  made["statuses"] = std::move(statuses);
  made["latency_ms"] = {{"p50", in_milliseconds(all.latency.percentile(0.5))},
                        {"p90", in_milliseconds(all.latency.percentile(0.9))},
                        {"p99", in_milliseconds(all.latency.percentile(0.99))},
                        {"p999", in_milliseconds(all.latency.percentile(0.999))},
                        {"max", in_milliseconds(all.latency.max())},
                        {"mean", in_milliseconds(all.latency.mean())}};
  made["connections_reused"] = all.reused;
  boost::json::array slowest;
  for (const host_figures& each : statistics.slowest_hosts(hosts)) slowest.push_back(of_host(each));
  boost::json::array worst;
  for (const host_figures& each : statistics.worst_hosts(hosts)) worst.push_back(of_host(each));
  made["slowest_hosts"] = std::move(slowest);
  made["worst_hosts"] = std::move(worst);
  return boost::json::serialize(made) + "\n";
}

namespace {

boost::json::object object_of(const report& cost, const counts& of) {
  boost::json::object failures;
  for (const auto& [kind, count] : of.by_kind) failures[to_string(kind)] = count;
  boost::json::array workers;
  for (const worker_report& each : cost.workers) workers.push_back(of_worker(each));
  return {
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
}

}  // namespace
}  // namespace fanout::fetch
