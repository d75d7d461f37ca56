#include "cli/compare/compare_python.hpp"

#include <fanout/base/saturated_time.hpp>

#include "cli/text/messages.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace fanout::cli {
namespace {

constexpr std::chrono::seconds allowance{60};
constexpr int slower_at_most = 20;  // than the time asked for, with every task waiting for the same core

/// The shapes that Python has, and the plain loop that speed-ups relate to.
std::vector<detail::python_form> forms_of(const std::vector<shape>& shapes) {
  std::vector<detail::python_form> forms{{"sync", 1}};
  for (const shape& each : shapes)
    if (each.model == model::threads || each.model == model::async || each.model == model::processes) {
      const std::string name = to_string(each);
      forms.push_back({name.substr(0, name.find(':')), each.tasks});
    }
  return forms;
}

}  // namespace

void add_python_options(CLI::App& command, python_arguments& into) {
  command.add_flag("--python", into.wanted,
                   "Also run the work in Python: a loop, threading, asyncio and multiprocessing, with the same counts");
  command.add_option("--python-bin", into.interpreters, "Interpreter for --python; repeatable [python3]")
      ->type_name("PATH")
      ->allow_extra_args(false);
}

python_side::python_side(const python_arguments& with, std::uint32_t rounds, bool timeline, const interrupt& stop)
    : rounds_(rounds), timeline_(timeline), stop_(stop) {
  std::vector<std::string> names = with.interpreters;
  if (names.empty() && with.wanted) names.emplace_back("python3");
  interpreters_.reserve(names.size());
  for (const auto& name : names) interpreters_.emplace_back(name);
}

void python_side::measure(const workload& beside, const std::vector<shape>& shapes, const workload_arguments& with,
                          const origin_process* origin, const std::function<void(std::string_view)>& on_measure) {
  if (interpreters_.empty() || beside.name == "command") return;
  const std::string& name = beside.name;
  detail::python_work work;
  work.name = name;
  work.tasks = beside.tasks;
  work.forms = forms_of(shapes);
  work.rounds = rounds_;
  work.requests = beside.requests;
  if (name == "io")
    work.requests.emplace_back().url =
        origin && with.url.empty() ? origin->url(fmt::format("/delay/{}", with.latency.count())) : with.url;
  work.work = with.work;
  if (name == "mixed") {
    const double share = with.share.value_or(usual_share_of_mixed);
    work.wait = with.latency;
    work.work = part(with.latency, share / (1 - share));
  }
  if (name == "lock") {
    work.work = part(with.work, with.share.value_or(1));
    work.free_work = with.work - work.work;
  }
  work.size_bytes = with.size_bytes;
  const std::chrono::duration<double> computing = work.work + work.free_work;
  const std::chrono::duration<double> task = with.latency + slower_at_most * computing;
  work.longest = any_duration<std::chrono::nanoseconds>(allowance + static_cast<double>(work.tasks) * task);
  work.timeline = timeline_;
  work.stop = &stop_;
  for (const detail::python& each : interpreters_)
    for (auto& row : each.rows(
             work, [&](std::string_view shape) { on_measure(fmt::format("Python {} {}", each.version(), shape)); }))
      rows_[name].push_back(std::move(row));
}

bool python_side::ok() const {
  return std::ranges::all_of(rows_, [](const auto& of) {
    return std::ranges::all_of(of.second, [](const auto& row) { return row.at("error").is_null(); });
  });
}

void python_side::complain(const std::string& name) const {
  const auto found = rows_.find(name);
  if (found == rows_.end()) return;
  for (const auto& row : found->second)
    if (!row.at("error").is_null())
      tell(fmt::format("fanout compare: {} under Python's {}: {}\n", name,
                       std::string_view(row.at("shape").as_string()), std::string_view(row.at("error").as_string())));
}

boost::json::object python_side::merged(const std::string& report) const {
  boost::json::object all = boost::json::parse(report).as_object();
  for (auto& workload : all.at("workloads").as_array()) {
    const auto found = rows_.find(std::string(workload.at("name").as_string()));
    if (found == rows_.end()) continue;
    for (const auto& row : found->second) workload.at("rows").as_array().emplace_back(row);
  }
  boost::json::array claims;
  for (const auto& claim : detail::python_claims(all)) claims.emplace_back(claim);
  if (!claims.empty()) all["claims"] = std::move(claims);
  return all;
}

}  // namespace fanout::cli
