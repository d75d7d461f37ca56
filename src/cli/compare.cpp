// fanout compare: the built-in workloads under several shapes, measured.

#include <fanout/base/failure.hpp>
#include <fanout/compare/compare.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/http/url.hpp>

#include "cli/command.hpp"
#include "cli/ctrl_c.hpp"
#include "cli/origin_process.hpp"
#include "cli/output.hpp"
#include "cli/units.hpp"
#include "compare/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace fanout::cli {
namespace {

constexpr std::array<std::string_view, 2> workload_names{"io", "cpu"};
constexpr std::string_view default_shapes = "sync,threads:5,async:5,processes:5,hybrid:5";
constexpr std::chrono::milliseconds longest_latency = std::chrono::hours(1);  // the origin's own limit
constexpr std::chrono::milliseconds fetch_allowance = std::chrono::seconds(30);

struct compare_arguments {
  std::vector<std::string> workloads;
  std::vector<shape> shapes;
  std::uint64_t tasks = 5;
  std::uint64_t rounds = 1;
  std::chrono::milliseconds latency{400};
  std::chrono::milliseconds work{300};
  std::string url;
  bool json = false;

  bool has(std::string_view name) const { return std::ranges::find(workloads, name) != workloads.end(); }
};

/// One line on a terminal that says what is being measured, and is gone afterwards.
class live_line {
 public:
  live_line() : shown_(::isatty(STDERR_FILENO) == 1) {}
  live_line(const live_line&) = delete;
  live_line& operator=(const live_line&) = delete;
  ~live_line() { show(""); }

  void show(std::string_view text) const {
    if (shown_) tell(fmt::format("\r\x1b[K{}", text));
  }

 private:
  bool shown_;
};

std::vector<shape> parse_shapes(std::string_view list) {
  constexpr std::string_view separators = ", ";
  std::vector<shape> shapes;
  while (!list.empty()) {
    const auto end = std::min(list.find_first_of(separators), list.size());
    if (end > 0) shapes.push_back(parse_shape(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  if (shapes.empty()) throw std::invalid_argument("no shape is named; use a list such as sync,threads:5");
  return shapes;
}

void check_arguments(CLI::App& command, const compare_arguments& with) {
  const auto refuse = [](const std::string& option, const std::string& why) {
    throw CLI::ValidationError(option, why);
  };
  for (const auto& name : with.workloads)
    if (std::ranges::find(workload_names, name) == workload_names.end())
      refuse("WORKLOAD", fmt::format("there is no '{}'; there are {}", name, fmt::join(workload_names, ", ")));
  const auto belongs_to = [&](const std::string& option, std::string_view workload) {
    if (command.count(option) > 0 && !with.has(workload))
      refuse(option, fmt::format("it is for the workload {}, which is not among those to run", workload));
  };
  belongs_to("--latency", "io");
  belongs_to("--url", "io");
  belongs_to("--work", "cpu");
  if (with.latency > longest_latency) refuse("--latency", "it may be at most 1h");
  if (with.work.count() == 0) refuse("--work", "a task of no work cannot be measured; use 1ms or more");
  try {
    if (!with.url.empty()) static_cast<void>(http::url(with.url));
  } catch (const error& failed) {
    refuse("--url", failed.what());
  }
}

workload make(const std::string& name, const compare_arguments& with, const origin_process* origin) {
  if (name == "cpu") return workloads::cpu(workloads::calibrate_cpu(with.work), with.tasks);
  if (!origin) return workloads::io(with.url, with.tasks, fetch_allowance);
  return workloads::io(origin->url(fmt::format("/delay/{}", with.latency.count())), with.tasks,
                       with.latency + fetch_allowance);
}

bool write(const std::string& text) {
  return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
}

int output_is_gone() {
  tell("fanout compare: standard output cannot be written\n");
  return output_failed;
}

void complain(const comparison& of) {
  for (const auto& row : of.rows)
    if (!row.ok())
      tell(fmt::format("fanout compare: {} under {}: {}\n", of.name, to_string(row.shape),
                       detail::printable(row.failure)));
}

int measure(const compare_arguments& with, const interrupt& stop) {
  std::optional<origin_process> origin;
  if (with.has("io") && with.url.empty()) origin.emplace();
  std::vector<comparison> all;
  for (const auto& name : with.workloads) {
    {
      const live_line line;
      compare_options how;
      how.interrupt = &stop;
      how.rounds = static_cast<std::uint32_t>(with.rounds);
      how.on_measure = [&](const shape* under) {
        line.show(fmt::format("measuring {}: {}", name, under ? to_string(*under) : "one task alone"));
      };
      line.show(fmt::format("preparing {}", name));
      all.push_back(compare(make(name, with, origin ? &*origin : nullptr), with.shapes, how));
    }
    if (with.json)
      complain(all.back());
    else if (!write((all.size() > 1 ? "\n" : "") + render_table(all.back())))
      return output_is_gone();
  }
  if (with.json && !write(to_json(all) + '\n')) return output_is_gone();
  return std::ranges::all_of(all, &comparison::ok) ? ok : some_failed;
}

int run_compare(const compare_arguments& with) {
  // Nothing is gained by letting tasks finish: their figures would be incomplete.
  const interrupt& stop = catch_ctrl_c(first_ctrl_c::aborts);
  try {
    return measure(with, stop);
  } catch (const std::exception& failed) {
    if (stop.level() > 0) return interrupted;
    tell(fmt::format("fanout compare: {}\n", failed.what()));
    return usage;
  }
}

}  // namespace

void add_compare(CLI::App& app, std::function<int()>& chosen) {
  auto* const command = app.add_subcommand(
      "compare", "Runs the same work under several shapes, and says by measurement which to choose and why");
  const auto with = std::make_shared<compare_arguments>();
  command
      ->add_option("WORKLOAD", with->workloads,
                   "io: fetches of a slow page, from an origin started for it; cpu: counting primes [both]")
      ->type_name("");
  command
      ->add_option_function<std::string>(
          "--shapes",
          [with](const std::string& list) {
            try {
              with->shapes = parse_shapes(list);
            } catch (const std::invalid_argument& refused) {
              throw CLI::ValidationError("--shapes", refused.what());
            }
          },
          fmt::format("Shapes to compare, with commas between them [{}]", default_shapes))
      ->type_name("LIST");
  add_count(*command, "--tasks", with->tasks, {1, 1'000'000}, "Tasks of each workload [5]");
  add_count(*command, "--rounds", with->rounds, {1, 1000},
            "Run each shape this often, taking turns; its fastest run counts [1]");
  auto* const latency = add_duration(*command, "--latency", with->latency, "io: how long the page takes [400ms]");
  add_duration(*command, "--work", with->work, "cpu: how long one task computes on one core, about [300ms]");
  command->add_option("--url", with->url, "io: fetch this page instead of the origin's")
      ->type_name("URL")
      ->excludes(latency);
  command->add_flag("--json", with->json, "Print one JSON object instead of tables");
  command->footer(
      "Exit status: 0, 1 if a task failed, 2 for wrong options, 3 if the output cannot be written, 130 if "
      "interrupted.");
  command->callback([with, command, &chosen] {
    if (with->workloads.empty()) with->workloads.assign(workload_names.begin(), workload_names.end());
    if (with->shapes.empty()) with->shapes = parse_shapes(default_shapes);
    check_arguments(*command, *with);
    chosen = [with] { return run_compare(*with); };
  });
}

}  // namespace fanout::cli
