#include <fanout/async/program.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/compare/beside_python.hpp>
#include <fanout/compare/detail/text.hpp>
#include <fanout/core/shape.hpp>

#include "compare/text/embedded.hpp"
#include "compare/text/json_figures.hpp"
#include "compare/text/seconds.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fanout::detail {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::chrono::seconds to_answer{60};
constexpr std::chrono::milliseconds between_looks{50};  // at whether the run is to stop

/// Drives a loop of its own until the program has ended; ends it early where the run is to stop.
program_result run_to_end(program what, const interrupt* stop) {
  std::optional<program_result> ended;
  std::exception_ptr failed;
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, run_program(std::move(what)), [&](const std::exception_ptr& why, program_result result) {
    failed = why;
    if (!why) ended = std::move(result);
  });
  while (!ended && !failed) {
    loop.run_for(between_looks);
    if (stop && stop->level() > 0) throw error(failure_kind::cancelled, "the comparison was stopped");
  }
  if (failed) std::rethrow_exception(failed);
  return std::move(*ended);
}

/// Of a traceback the last line says what happened.
std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto end = text.rfind('\n');
  return printable(end == text.npos ? text : text.substr(end + 1));
}

std::string why_not(const program_result& ended) {
  if (ended.timed_out) return "it was killed at its time limit";
  if (ended.signal != 0) return fmt::format("a signal ended it ({})", ended.signal);
  const std::string line = last_line(ended.errors);
  return line.empty() ? fmt::format("it ended with status {}", ended.exit_status) : line;
}

double number_or(const json::object& object, std::string_view name, double otherwise) {
  const json::value* const value = object.if_contains(name);
  return value && value->is_number() ? value->to_number<double>() : otherwise;
}

json::object config_of(const python_work& work) {
  json::array requests;
  for (const fetch::request& each : work.requests) {
    json::array headers;
    for (const auto& [name, value] : each.headers) headers.push_back(json::array{name, value});
    requests.push_back(
        json::object{{"method", each.method}, {"url", each.url}, {"headers", std::move(headers)}, {"body", each.body}});
  }
  return {{"workload", work.name},        {"tasks", work.tasks},          {"requests", std::move(requests)},
          {"wait_s", seconds(work.wait)}, {"work_s", seconds(work.work)}, {"free_s", seconds(work.free_work)},
          {"size", work.size_bytes}};
}

bool succeeded(const json::object& row) {
  return text_in(row, "error").empty();
}

/// Takes the result off `row`, which has failed if it differs from `expected`, that of the rows before.
void check_result(json::object& row, json::value& expected, std::uint64_t tasks) {
  const json::value* const found = row.if_contains("result");
  if (!found) return;
  if (!found->is_null() && expected.is_null()) expected = *found;
  const bool same = found->is_null() || *found == expected;
  row.erase("result");
  if (same) return;
  row["error"] = "the results differ from those of the rows before";
  row["failures"] = tasks;
}

/// As of fanout's rows.
json::object median_of(std::vector<json::object> runs) {
  if (!succeeded(runs.back())) return std::move(runs.back());
  const auto wall = [](const json::object& row) { return number_or(row, "wall_s", 0); };
  json::array walls;
  for (const json::object& each : runs) walls.emplace_back(wall(each));
  std::ranges::sort(runs, {}, wall);
  const double range = wall(runs.back()) - wall(runs.front());
  json::object median = std::move(runs[(runs.size() - 1) / 2]);
  median["walls_s"] = std::move(walls);
  median["median_s"] = wall(median);
  median["spread"] = range / wall(median);
  return median;
}

void relate_to_one_by_one(std::vector<json::object>& rows) {
  const double one_by_one = succeeded(rows.front()) ? number_or(rows.front(), "wall_s", 0) : 0;
  for (json::object& row : rows) {
    const double wall = succeeded(row) ? number_or(row, "wall_s", 0) : 0;
    row["speedup"] = wall > 0 && one_by_one > 0 ? json::value(one_by_one / wall) : json::value(nullptr);
  }
}

/// As `bound_finder` does for fanout's rows, from what the rows of one interpreter were seen to need at least.
void relate_to_bound(std::vector<json::object>& rows) {
  constexpr double none = std::numeric_limits<double>::max();
  double task = none, cpu = none, quickest = none;
  for (const json::object& row : rows) {
    if (!succeeded(row)) continue;
    task = std::min(task, number_or(object_in(row, "latency_s"), "max", none));
    cpu = std::min(cpu, number_or(row, "cpu_s", none));
    quickest = std::min(quickest, number_or(row, "wall_s", none));
  }
  const double bound = std::max(task, cpu / available_cores());
  for (json::object& row : rows) {
    const double wall = number_or(row, "wall_s", 0);
    const bool ok = succeeded(row) && wall > 0;
    row["of_bound"] = ok ? json::value(std::min(bound, quickest) / wall) : json::value(nullptr);
  }
}

}  // namespace

python::python(const std::string& path) : path_(path) {
  std::string pattern = std::filesystem::temp_directory_path() / "fanout-python-XXXXXX";
  if (!::mkdtemp(pattern.data())) throw std::runtime_error("--python: cannot make a directory for its programs");
  directory_ = pattern;
  std::ofstream(directory_ + "/beside.py") << python_program();
  try {
    python_work nothing;
    nothing.longest = to_answer;
    const json::object about = ask("about", {}, nothing);
    version_ = about.at("version").as_string();
    gil_ = about.at("gil").as_bool();
  } catch (const std::exception& failed) {
    std::filesystem::remove_all(directory_);
    throw std::runtime_error(fmt::format("--python: '{}' cannot be used: {}", path, failed.what()));
  }
}

python::python(python&& other) noexcept
    : path_(std::move(other.path_)),
      directory_(std::exchange(other.directory_, {})),
      version_(std::move(other.version_)),
      gil_(other.gil_) {}

python::~python() {
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

json::object python::ask(std::string_view form, const json::object& config, const python_work& work) const {
  program what{.arguments = {path_, directory_ + "/beside.py", std::string(form)}, .input = json::serialize(config)};
  what.timeout = work.longest;
  const program_result ended = run_to_end(std::move(what), work.stop);
  if (!ended.ok()) throw std::runtime_error(why_not(ended));
  boost::system::error_code failed;
  json::value answer = json::parse(ended.output, failed);
  if (failed || !answer.is_object()) throw std::runtime_error("what it printed is no JSON object");
  return std::move(answer.get_object());
}

json::object python::row(std::string_view form, const std::string& shape, const json::object& config,
                         const python_work& work) const {
  json::object described{{"path", path_}, {"version", version_}, {"gil", gil_}, {"library", nullptr}};
  json::object row{{"engine", "python"}, {"shape", shape}, {"error", nullptr}, {"wall_s", nullptr}};
  try {
    json::object measured = ask(form, config, work);
    if (!(number_or(measured, "wall_s", -1) > 0)) throw std::runtime_error("it printed no time");
    if (json::value* const library = measured.if_contains("library")) described["library"] = *library;
    measured.erase("library");
    if (!work.timeline) measured["timeline"] = nullptr;
    for (auto& [name, value] : measured) row[name] = value;
    row["failures"] = 0;
  } catch (const error& stopped) {
    if (stopped.kind() == failure_kind::cancelled) throw;
    row["error"] = stopped.what();
    row["failures"] = work.tasks;
  } catch (const std::exception& failed) {
    row["error"] = failed.what();
    row["failures"] = work.tasks;
  }
  row["interpreter"] = std::move(described);
  return row;
}

std::vector<json::object> python::rows(const python_work& work,
                                       const std::function<void(std::string_view)>& on_measure) const {
  json::object config = config_of(work);
  if (!work.fetches()) try {
      for (auto& [name, value] : ask("calibrate", config, work)) config[name] = value;
    } catch (const std::runtime_error& failed) {
      throw std::runtime_error(fmt::format("--python: '{}' cannot be used: {}", path_, failed.what()));
    }
  std::vector<std::vector<json::object>> runs(work.forms.size());  // of one form; a failed one is the last
  json::value expected;
  for (std::uint32_t round = 0; round < work.rounds; ++round)
    for (std::size_t at = 0; at < work.forms.size(); ++at) {
      if (round > 0 && !succeeded(runs[at].back())) continue;
      const auto& [form, places] = work.forms[at];
      const std::string shape = form == "sync" ? form : fmt::format("{}:{}", form, places);
      if (on_measure) on_measure(shape);
      config["places"] = places;
      json::object made = row(form, shape, config, work);
      check_result(made, expected, work.tasks);
      runs[at].push_back(std::move(made));
    }
  std::vector<json::object> rows;
  rows.reserve(runs.size());
  for (auto& of_form : runs) rows.push_back(median_of(std::move(of_form)));
  relate_to_one_by_one(rows);
  relate_to_bound(rows);
  return rows;
}

}  // namespace fanout::detail
