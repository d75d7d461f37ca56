#include "comparison.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/compare/compare.hpp>
#include <fanout/compare/present.hpp>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace nb = nanobind;

namespace fanout::python {
namespace {

std::chrono::nanoseconds from_seconds(double seconds) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

template <class T>
T member(nb::dict of, const char* name) {
  return nb::cast<T>(nb::object(of[name]));
}

/// What `fanout/_compare.py` measured of one run, as the engine notes its own.
///
/// `tasks` has a tuple for each task that ended: index, lane, begin and duration in seconds of the steady clock, CPU
/// seconds (negative: not known), and what went wrong, or None.
workload_run read_run(nb::dict given, const options& how, detail::workload_sink sink) {
  report cost;
  cost.shape = how.shape;
  cost.wall = from_seconds(member<double>(given, "wall"));
  cost.cpu_user = from_seconds(member<double>(given, "cpu_user"));
  cost.cpu_system = from_seconds(member<double>(given, "cpu_system"));
  cost.voluntary_switches = member<std::uint64_t>(given, "voluntary_switches");
  cost.involuntary_switches = member<std::uint64_t>(given, "involuntary_switches");
  cost.peak_rss_bytes = member<std::uint64_t>(given, "peak_rss_bytes");
  cost.processes = member<std::uint32_t>(given, "processes");
  cost.threads = member<std::uint32_t>(given, "threads");
  cost.ipc_bytes = member<std::uint64_t>(given, "ipc_bytes");
  for (const nb::handle each : member<nb::list>(given, "tasks")) {
    outcome_facts facts;
    facts.index = nb::cast<std::uint64_t>(each[0]);
    facts.lane = nb::cast<std::uint32_t>(each[1]);
    facts.started = outcome_facts::clock::time_point(from_seconds(nb::cast<double>(each[2])));
    facts.finished = facts.started + from_seconds(nb::cast<double>(each[3]));
    const auto cpu = nb::cast<double>(each[4]);
    if (cpu >= 0) facts.cpu = from_seconds(cpu);
    const nb::object wrong = each[5];
    ++cost.tasks;
    if (how.timeline)
      cost.timeline.push_back({facts.index, facts.lane, facts.started, facts.finished, facts.cpu, wrong.is_none(), {}});
    if (wrong.is_none())
      sink.accept(facts, 0);
    else
      sink.refuse(facts, {.kind = failure_kind::task_failed, .message = nb::cast<std::string>(wrong)});
  }
  return std::move(sink).finish(std::move(cost));
}

/// Thread safety: none, as the interpreter's lock is held by whoever has the object.
class python_comparison {
 public:
  /// Compares `run(shape, count, timeline)`, which runs the first `count` tasks under a shape and returns what
  /// `read_run` reads. What it raises ends the comparison.
  python_comparison(std::string name, std::string description, std::uint64_t tasks, std::vector<std::string> shapes,
                    std::uint32_t rounds, double settle_within, bool timeline, nb::object run) {
    std::vector<shape> under;
    for (const std::string& each : shapes) under.push_back(parse_shape(each));
    std::exception_ptr raised;
    workload work{.name = std::move(name), .description = std::move(description), .tasks = tasks};
    work.run = [&](const options& how, std::uint64_t count) {
      const nb::gil_scoped_acquire locked;
      detail::workload_sink sink;
      try {
        return read_run(nb::cast<nb::dict>(run(to_string(how.shape), count, how.timeline)), how, std::move(sink));
      } catch (...) {
        raised = std::current_exception();
      }
      throw error(failure_kind::cancelled, "the comparison was stopped");
    };
    compare_options how;
    how.rounds = rounds;
    how.settle_within = from_seconds(settle_within);
    how.timeline = timeline;
    try {
      const nb::gil_scoped_release without;
      found_ = compare(work, under, how);
    } catch (const error&) {
      if (raised) std::rethrow_exception(raised);
      throw;
    }
  }

  std::string json() const { return to_json({found_}); }
  std::string table(std::size_t width) const { return render_table(found_, width); }

 private:
  comparison found_;
};

}  // namespace

void bind_comparison(nb::module_& module) {
  nb::class_<python_comparison>(module, "Comparison")
      .def(nb::init<std::string, std::string, std::uint64_t, std::vector<std::string>, std::uint32_t, double, bool,
                    nb::object>(),
           nb::arg("name"), nb::arg("description"), nb::arg("tasks"), nb::arg("shapes"), nb::arg("rounds"),
           nb::arg("settle_within"), nb::arg("timeline"), nb::arg("run"))
      .def("json", &python_comparison::json)
      .def("table", &python_comparison::table, nb::arg("width"));
  module.def(
      "report_page",
      [](const std::string& report, const std::string& command, const std::string& made) {
        return report_page(report, {.command = command, .made = made});
      },
      nb::arg("report"), nb::arg("command"), nb::arg("made"), "A report in JSON as one self-contained page.");
}

}  // namespace fanout::python
