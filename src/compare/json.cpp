#include <fanout/compare/compare.hpp>

#include "compare/machine.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace fanout {
namespace {

namespace json = boost::json;

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

json::value or_null(const std::optional<double>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object machine_object() {
  const detail::machine here = detail::this_machine();
  return {{"cores", here.cores}, {"cpu", here.cpu}, {"memory_bytes", here.memory_bytes}, {"system", here.system}};
}

json::object row_object(const comparison_row& row) {
  const report& cost = row.cost;
  return {{"engine", "fanout"},
          {"shape", to_string(row.shape)},
          {"wall_s", seconds(cost.wall)},
          {"speedup", or_null(row.speedup)},
          {"of_bound", or_null(row.of_bound)},
          {"cpu_s", seconds(cost.cpu())},
          {"cores_used", cost.cores_used()},
          {"peak_rss_bytes", cost.peak_rss_bytes},
          {"voluntary_switches", cost.voluntary_switches},
          {"involuntary_switches", cost.involuntary_switches},
          {"processes", cost.processes},
          {"threads", cost.threads},
          {"ipc_bytes", cost.ipc_bytes},
          {"failures", cost.failures}};
}

json::object workload_object(const comparison& of) {
  json::array rows;
  for (const auto& row : of.rows) rows.push_back(row_object(row));
  return {{"name", of.name},
          {"tasks", of.tasks},
          {"kind", of.kind ? json::value(to_string(*of.kind)) : json::value(nullptr)},
          {"cpu_share", or_null(of.cpu_share)},
          {"lower_bound_s", of.bound ? json::value(seconds(of.bound->wall)) : json::value(nullptr)},
          {"best", of.best ? json::value(to_string(of.rows[*of.best].shape)) : json::value(nullptr)},
          {"why", of.why},
          {"rows", std::move(rows)}};
}

}  // namespace

std::string to_json(const std::vector<comparison>& all) {
  json::array workloads;
  for (const auto& each : all) workloads.push_back(workload_object(each));
  const json::object whole{{"machine", machine_object()}, {"workloads", std::move(workloads)}};
  return json::serialize(whole);
}

}  // namespace fanout
