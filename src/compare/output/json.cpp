#include <fanout/compare/compare.hpp>
#include <fanout/compare/detail/machine.hpp>
#include <fanout/compare/detail/text.hpp>

#include "compare/text/seconds.hpp"
#include "compare/verdict/sentences.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace fanout {
namespace {

using detail::seconds;

namespace json = boost::json;

json::value or_null(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object machine_object() {
  const detail::machine here = detail::this_machine();
  return {{"cores", here.cores}, {"cpu", here.cpu}, {"memory_bytes", here.memory_bytes}, {"system", here.system}};
}

/// Lanes are numbered over all processes, those of one process together.
json::array lane_names(const comparison_row& row) {
  std::uint32_t lanes = 0;
  for (const task_span& span : row.timeline) lanes = std::max(lanes, span.lane + 1);
  const std::uint32_t each = row.shape.uses_workers() ? std::max(row.cost.shape.threads, 1U) : 0;
  json::array names;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    if (each == 0)
      names.emplace_back(fmt::format("thread {}", lane + 1));
    else if (each == 1)
      names.emplace_back(fmt::format("process {}", lane + 1));
    else
      names.emplace_back(fmt::format("process {}, thread {}", lane / each + 1, lane % each + 1));
  }
  return names;
}

/// See comparison_row::timeline: `[index, lane, start, end, cpu or null, ok, [[from, to], ...] or null]`.
json::value timeline_value(const comparison_row& row) {
  if (row.timeline.empty()) return nullptr;
  const auto since = [&](std::chrono::steady_clock::time_point time) { return seconds(time - row.timeline_begun); };
  json::array tasks;
  for (const task_span& span : row.timeline) {
    json::value held = nullptr;
    if (!span.held.empty()) {
      json::array& spans = held.emplace_array();
      for (const held_span& each : span.held) spans.push_back(json::array{since(each.from), since(each.to)});
    }
    tasks.push_back(json::array{span.index, span.lane, since(span.started), since(span.finished),
                                span.cpu.count() < 0 ? json::value(nullptr) : json::value(seconds(span.cpu)),
                                span.ok ? 1 : 0, std::move(held)});
  }
  return json::object{
      {"lanes", lane_names(row)},
      {"ready_s", row.timeline_ready.count() < 0 ? json::value(nullptr) : json::value(seconds(row.timeline_ready))},
      {"tasks", std::move(tasks)}};
}

json::value latency_value(const comparison_row& row) {
  if (!row.ok()) return nullptr;
  return json::object{{"p50", seconds(row.latency.p50)},
                      {"p90", seconds(row.latency.p90)},
                      {"p99", seconds(row.latency.p99)},
                      {"max", seconds(row.latency.most)}};
}

json::array walls_array(const comparison_row& row) {
  json::array walls;
  for (const auto wall : row.walls) walls.push_back(seconds(wall));
  return walls;
}

json::value bound_value(const comparison& of) {
  if (!of.bound) return nullptr;
  const lower_bound& bound = *of.bound;
  return json::object{{"task_s", seconds(bound.task)},
                      {"cpu_s", seconds(bound.cpu)},
                      {"in_turn_s", seconds(bound.in_turn)},
                      {"in_flight_s", bound.places > 0 ? json::value(seconds(bound.in_flight)) : json::value(nullptr)},
                      {"in_flight", bound.places > 0 ? json::value(bound.places) : json::value(nullptr)},
                      {"cores", bound.cores},
                      {"why", bound.why}};
}

json::value sweep_value(const comparison& of) {
  if (!of.sweep) return nullptr;
  const scaling& found = *of.sweep;
  json::array points;
  for (const sweep_point& point : found.points) {
    const bool ok = point.failure.empty();
    points.push_back(
        json::object{{"n", point.count},
                     {"wall_s", ok ? json::value(seconds(point.wall)) : json::value(nullptr)},
                     {"speedup", ok ? json::value(point.speedup) : json::value(nullptr)},
                     {"error", ok ? json::value(nullptr) : json::value(detail::printable(point.failure))}});
  }
  json::value amdahl = nullptr;
  json::value usl = nullptr;
  if (found.serial_share) amdahl = json::object{{"serial_share", *found.serial_share}};
  if (found.contention)
    usl = json::object{
        {"contention", *found.contention}, {"coherency", *found.coherency}, {"peak_n", or_null(found.peak)}};
  return json::object{
      {"shape", found.shape},
      {"points", std::move(points)},
      {"amdahl", std::move(amdahl)},
      {"usl", std::move(usl)},
      {"doubt", found.doubt.empty() ? json::value(nullptr) : json::value(detail::printable(found.doubt))},
      {"stops_paying_at", found.stops_paying_at ? json::value(*found.stops_paying_at) : json::value(nullptr)}};
}

json::array workers_array(const comparison_row& row) {
  json::array workers;
  for (const worker_report& each : row.cost.workers)
    workers.push_back(json::object{{"tasks", each.tasks},
                                   {"starts", each.starts},
                                   {"restarts", each.restarts},
                                   {"cpu_s", seconds(each.cpu)},
                                   {"peak_rss_bytes", each.peak_rss_bytes},
                                   {"bytes_sent", each.bytes_sent},
                                   {"bytes_received", each.bytes_received}});
  return workers;
}

json::object row_object(const comparison_row& row) {
  const report& cost = row.cost;
  return {{"engine", "fanout"},
          {"shape", to_string(row.shape)},
          {"error", row.ok() ? json::value(nullptr) : json::value(detail::printable(row.failure))},
          {"wall_s", seconds(cost.wall)},
          {"walls_s", walls_array(row)},
          {"median_s", seconds(cost.wall)},
          {"spread", row.spread},
          {"speedup", or_null(row.speedup)},
          {"of_bound", or_null(row.of_bound)},
          {"cpu_s", seconds(cost.cpu())},
          {"cpu_user_s", seconds(cost.cpu_user)},
          {"cpu_system_s", seconds(cost.cpu_system)},
          {"cores_used", cost.cores_used()},
          {"peak_rss_bytes", cost.peak_rss_bytes},
          {"voluntary_switches", cost.voluntary_switches},
          {"involuntary_switches", cost.involuntary_switches},
          {"processes", cost.processes},
          {"threads", cost.threads},
          {"startup_s", seconds(row.startup)},
          {"ipc_bytes", cost.ipc_bytes},
          {"ipc_s", seconds(cost.ipc_time)},
          {"workers", workers_array(row)},
          {"latency_s", latency_value(row)},
          {"failures", cost.failures},
          {"timeline", timeline_value(row)}};
}

json::value in_flight_value(const comparison& of) {
  const auto found = of.best ? detail::find_in_flight(of) : std::nullopt;
  if (!found) return nullptr;
  return json::object{{"model", found->model}, {"pays_up_to", found->pays_up_to}, {"most", found->most},
                      {"rate", found->rate},   {"latency_s", found->latency},     {"in_flight", found->in_flight()}};
}

json::array ties_array(const comparison& of) {
  json::array ties;
  for (const std::size_t at : of.ties) ties.emplace_back(to_string(of.rows[at].shape));
  return ties;
}

json::object workload_object(const comparison& of) {
  json::array rows;
  for (const auto& row : of.rows) rows.push_back(row_object(row));
  return {{"name", of.name},
          {"description", detail::printable(of.description)},
          {"tasks", of.tasks},
          {"kind", of.kind ? json::value(to_string(*of.kind)) : json::value(nullptr)},
          {"cpu_share", or_null(of.cpu_share)},
          {"noise", of.noise},
          {"others_cores", of.load.others},
          {"served_cores", of.load.served},
          {"lower_bound_s", of.bound ? json::value(seconds(of.bound->wall)) : json::value(nullptr)},
          {"lower_bound", bound_value(of)},
          {"best", of.best ? json::value(to_string(of.rows[*of.best].shape)) : json::value(nullptr)},
          {"ties", ties_array(of)},
          {"doubt", of.doubt.empty() ? json::value(nullptr) : json::value(detail::printable(of.doubt))},
          {"in_flight", in_flight_value(of)},
          {"why", of.why},
          {"rows", std::move(rows)},
          {"sweep", sweep_value(of)}};
}

}  // namespace

std::string to_json(const std::vector<comparison>& all) {
  json::array workloads;
  for (const auto& each : all) workloads.push_back(workload_object(each));
  const json::object whole{{"machine", machine_object()}, {"workloads", std::move(workloads)}};
  return json::serialize(whole);
}

}  // namespace fanout
