#include <fanout/compare/beside_python.hpp>

#include "compare/text/json_figures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

namespace fanout::detail {
namespace {

namespace json = boost::json;

constexpr double no_gain = 1.15;         // less than this is none
constexpr double too_much_noise = 0.20;  // more hides what a claim is about
constexpr double a_core = 0.15;          // of one: other programs that used so much disturb what computes

/// A row that counts; null if there is none. `path` is empty for fanout's own.
const json::object* find_row(const json::object& workload, const std::string& path, std::string_view form) {
  const json::object* found = nullptr;
  for_each_in(workload, "rows", [&](const json::object& row) {
    const bool python = text_in(row, "engine") == "python";
    if (python == path.empty() || (python && text_in(object_in(row, "interpreter"), "path") != path)) return;
    const std::string shape = text_in(row, "shape");
    if (shape.substr(0, shape.find(':')) != form || !number_in(row, "speedup") || !text_in(row, "error").empty())
      return;
    if (!found) found = &row;
  });
  return found;
}

std::string places_of(const json::object& row) {
  const std::string shape = text_in(row, "shape");
  return shape.substr(shape.find(':') + 1);
}

/// No more run at a time than there are.
std::string at_a_time(const json::object& workload, const json::object& row) {
  const std::string places = places_of(row);
  const auto tasks = number_in(workload, "tasks");
  return tasks && *tasks < std::strtod(places.c_str(), nullptr) ? fmt::format("{:.0f}", *tasks) : places;
}

double speedup_of(const json::object& row) {
  return number_in(row, "speedup").value_or(0);
}

class claiming {
 public:
  claiming(const json::object& io, const json::object& cpu, std::string path)
      : io_(io), cpu_(cpu), path_(std::move(path)) {}

  std::vector<std::string> all() {
    for (const json::object* workload : {&io_, &cpu_})
      for (const std::string_view form : {"sync", "threads", "async", "processes"})
        if (const json::object* const any = find_row(*workload, path_, form)) about_interpreter(*any);
    threads();
    loop();
    processes();
    return std::move(claims_);
  }

 private:
  void about_interpreter(const json::object& row) {
    const json::object& interpreter = object_in(row, "interpreter");
    const json::value* const gil = interpreter.if_contains("gil");
    free_ = gil && gil->is_bool() && !gil->get_bool();
    name_ = fmt::format("Python {}{}", text_in(interpreter, "version"), free_ ? " (no GIL)" : "");
  }

  /// Adds what a row shows, or that it shows nothing.
  void add(const std::string& claim, const json::object& workload, const json::object& row, double gained) {
    const double noise = noise_of(workload, row);
    const double others = number_in(workload, "others_cores").value_or(0);
    const bool computes = text_in(workload, "name") == "cpu";
    if (computes && others > a_core)
      claims_.push_back(
          fmt::format("{} were {:.2f} x as fast as one after another, but other programs used {:.2f} cores: "
                      "this shows nothing about the GIL. Run it again on a quiet machine.",
                      claim_of(row), gained, others));
    else if (noise > too_much_noise)
      claims_.push_back(
          fmt::format("{} were {:.2f} x as fast as one after another, within noise of {:.0f} %: too much to "
                      "conclude anything. Run it again on a quiet machine.",
                      claim_of(row), gained, noise * 100));
    else
      claims_.push_back(claim);
  }

  /// "5 threads of Python 3.11"
  std::string claim_of(const json::object& row) const {
    const std::string shape = text_in(row, "shape");
    return fmt::format("{} {} of {}", places_of(row),
                       shape.starts_with("async") ? "asyncio tasks" : shape.substr(0, shape.find(':')), name_);
  }

  void threads() {
    if (const json::object* const row = find_row(cpu_, path_, "threads")) {
      const double gained = speedup_of(*row);
      std::string why;
      if (!free_ && gained < no_gain) why = ": the GIL lets one of them compute at a time";
      if (free_ && gained >= no_gain) why = ": without the GIL they compute in parallel";
      std::string claim =
          fmt::format("{} CPU-bound threads of {} ran {:.2f} x as fast as one{}", places_of(*row), name_, gained, why);
      if (const json::object* const ours = find_row(cpu_, "", "threads"))
        claim += fmt::format("; the same on fanout: {:.2f} x", speedup_of(*ours));
      add(claim + ".", cpu_, *row, gained);
    }
    if (const json::object* const row = find_row(io_, path_, "threads"))
      add(fmt::format("{} threads of {} that wait ran {:.2f} x as fast as one{}.", places_of(*row), name_,
                      speedup_of(*row),
                      !free_ && speedup_of(*row) >= no_gain ? ": a thread gives the GIL back while it waits" : ""),
          io_, *row, speedup_of(*row));
  }

  void loop() {
    const json::object* const waits = find_row(io_, path_, "async");
    const json::object* const computes = find_row(cpu_, path_, "async");
    if (waits)
      add(fmt::format("One thread of asyncio on {} ran {} fetches at a time {:.2f} x as fast as one after another{}.",
                      name_, at_a_time(io_, *waits), speedup_of(*waits),
                      speedup_of(*waits) >= no_gain ? ": while one waits, the next continues" : ""),
          io_, *waits, speedup_of(*waits));
    if (computes)
      add(fmt::format("CPU-bound tasks on one thread of asyncio ran {:.2f} x as fast as one after another{}.",
                      speedup_of(*computes), speedup_of(*computes) < no_gain ? ": an event loop takes turns" : ""),
          cpu_, *computes, speedup_of(*computes));
  }

  void processes() {
    const json::object* const row = find_row(cpu_, path_, "processes");
    const json::object* const alone = find_row(cpu_, path_, "sync");
    if (!row || !alone) return;
    constexpr double mib = 1024.0 * 1024.0;
    add(fmt::format(
            "{} processes of {} ran the CPU-bound work {:.2f} x as fast; they took {:.0f} ms to start the first "
            "task, and {:.0f} MiB instead of {:.0f}.",
            places_of(*row), name_, speedup_of(*row), number_in(*row, "startup_s").value_or(0) * 1e3,
            number_in(*row, "peak_rss_bytes").value_or(0) / mib, number_in(*alone, "peak_rss_bytes").value_or(0) / mib),
        cpu_, *row, speedup_of(*row));
  }

  /// Of the runs of a row and of the plain loop; where tasks compute, also of the machine.
  double noise_of(const json::object& workload, const json::object& row) const {
    double noise = number_in(row, "spread").value_or(0) / 2;
    if (const json::object* const alone = find_row(workload, path_, "sync"))
      noise = std::max(noise, number_in(*alone, "spread").value_or(0) / 2);
    if (text_in(workload, "name") == "cpu") noise = std::max(noise, number_in(workload, "noise").value_or(0));
    return noise;
  }

  const json::object& io_;
  const json::object& cpu_;
  std::string path_;
  std::string name_ = "Python";
  bool free_ = false;
  std::vector<std::string> claims_;
};

}  // namespace

std::vector<std::string> python_claims(const json::object& report) {
  static const json::object none;
  const json::object* io = &none;
  const json::object* cpu = &none;
  std::vector<std::string> paths;  // in the order of the rows
  for_each_in(report, "workloads", [&](const json::object& workload) {
    const std::string name = text_in(workload, "name");
    if (name == "io") io = &workload;
    if (name == "cpu") cpu = &workload;
    for_each_in(workload, "rows", [&](const json::object& row) {
      if (text_in(row, "engine") != "python") return;
      std::string path = text_in(object_in(row, "interpreter"), "path");
      if (std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
    });
  });
  std::vector<std::string> claims;
  for (const auto& path : paths) {
    auto some = claiming(*io, *cpu, path).all();
    claims.insert(claims.end(), some.begin(), some.end());
  }
  return claims;
}

}  // namespace fanout::detail
