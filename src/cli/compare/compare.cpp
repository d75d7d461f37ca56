// fanout compare: workloads, URLs or a command under several shapes, measured.

#include <fanout/base/failure.hpp>
#include <fanout/compare/compare.hpp>
#include <fanout/compare/detail/text.hpp>
#include <fanout/compare/present.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/fetch/output.hpp>

#include "cli/compare/compare_output.hpp"
#include "cli/compare/compare_python.hpp"
#include "cli/compare/compare_shapes.hpp"
#include "cli/compare/compare_workloads.hpp"
#include "cli/compare/origin_process.hpp"
#include "cli/text/command.hpp"
#include "cli/text/ctrl_c.hpp"
#include "cli/text/messages.hpp"
#include "cli/text/units.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>

namespace fanout::cli {
namespace {

struct compare_arguments {
  workload_arguments work;
  std::vector<shape> shapes;  ///< empty for those that suit each workload
  std::vector<shape> sweep;   ///< empty for none
  std::uint64_t rounds = 3;
  compare_output output;
  python_arguments python;
};

/// Whether the terminal, if there is one, knows escape sequences.
bool obeys_escapes() {
  const char* const terminal = std::getenv("TERM");
  return terminal && *terminal && std::string_view(terminal) != "dumb";
}

/// One line on a terminal that says what is being measured, and is gone afterwards.
class live_line {
 public:
  live_line() : shown_(::isatty(STDERR_FILENO) == 1 && obeys_escapes()) {}
  live_line(const live_line&) = delete;
  live_line& operator=(const live_line&) = delete;
  ~live_line() { show(""); }

  void show(std::string_view text) const {
    if (shown_) tell(fmt::format("\r\x1b[K{}", text));
  }

 private:
  bool shown_;
};

/// Throws `fetch::output_error`.
void write_text(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return;
  throw fetch::output_error(fmt::format("standard output cannot be written: {}", std::strerror(errno)));
}

void complain(const comparison& of) {
  for (const auto& row : of.rows)
    if (!row.ok())
      tell(fmt::format("fanout compare: {} under {}: {}\n", of.name, to_string(row.shape),
                       detail::printable(row.failure)));
}

/// In colour where a person sees it who has not said no (no-color.org).
bool wants_colour() {
  const char* const no = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && obeys_escapes() && !(no && *no);
}

/// Of standard output: a narrow terminal's own, 80 everywhere else.
std::size_t columns() {
  constexpr std::size_t usual = 80;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;
  return std::min<std::size_t>(size.ws_col, usual);
}

/// With nothing to draw, nothing.
std::string bars(const comparison& of, const python_side& beside) {
  const boost::json::object one = beside.merged(to_json({of}));
  const std::string drawn =
      detail::render_bars(one.at("workloads").as_array().at(0).as_object(), wants_colour(), columns());
  return drawn.empty() ? drawn : '\n' + drawn;
}

comparison compare_one(const std::string& name, const compare_arguments& with, const origin_process* origin,
                       const interrupt& stop, python_side& beside) {
  const live_line line;
  compare_options how;
  how.interrupt = &stop;
  how.rounds = static_cast<std::uint32_t>(with.rounds);
  how.timeline = with.output.has_page();
  how.on_measure = [&](const shape* under) {
    line.show(fmt::format("measuring {}: {}", name, under ? to_string(*under) : "one task alone"));
  };
  line.show(fmt::format("preparing {}", name));
  const workload work = make_named(name, with.work, origin, stop);
  const std::vector<shape> shapes =
      with.shapes.empty() ? usual_shapes(name, work.tasks, available_cores()) : with.shapes;
  comparison found = compare(work, shapes, how);
  how.timeline = false;
  if (!with.sweep.empty()) found.sweep = scaling_of(compare(work, with.sweep, how));
  beside.measure(work, shapes, with.work, origin,
                 [&](std::string_view what) { line.show(fmt::format("measuring {}: {}", name, what)); });
  return found;
}

int measure(const compare_arguments& with, const interrupt& stop) {
  page_output page(with.output, stop);
  python_side beside(with.python, static_cast<std::uint32_t>(with.rounds), with.output.has_page(), stop);
  std::optional<origin_process> origin;
  if (with.work.needs_origin()) origin.emplace();
  std::vector<comparison> all;
  for (const auto& name : with.work.names) {
    all.push_back(compare_one(name, with, origin ? &*origin : nullptr, stop, beside));
    if (with.output.json || with.output.csv) {
      complain(all.back());
      beside.complain(name);
    } else {
      write_text((all.size() > 1 ? "\n" : "") + render_table(all.back(), columns()) + bars(all.back(), beside) +
                 (all.back().sweep ? '\n' + render_sweep(*all.back().sweep, columns()) : ""));
    }
  }
  const boost::json::object merged = beside.merged(to_json(all));
  const std::string report = boost::json::serialize(merged);
  if (with.output.json)
    write_text(report + '\n');
  else
    write_text(with.output.csv ? to_csv(report) : detail::render_claims(merged, columns()));
  page.finish(report);
  return std::ranges::all_of(all, &comparison::ok) && beside.ok() ? ok : some_failed;
}

int run_compare(const compare_arguments& with) {
  turn_write_signals_into_errors();
  // Nothing is gained by letting tasks finish: their figures would be incomplete.
  const interrupt& stop = catch_ctrl_c(first_ctrl_c::aborts);
  try {
    return measure(with, stop);
  } catch (const fetch::output_error& failed) {
    if (stop.level() > 0) return interrupted;  // a write to a pipe that nobody reads ends no other way
    tell(fmt::format("fanout compare: {}\n", failed.what()));
    return output_failed;
  } catch (const std::exception& failed) {
    if (stop.level() > 0) return interrupted;
    tell(fmt::format("fanout compare: {}\n", failed.what()));
    return usage;
  }
}

}  // namespace

void add_compare(CLI::App& app, std::function<int()>& chosen) {
  auto* const command = app.add_subcommand(
      "compare", "Run the same work under several shapes, measure them, and say which to choose and why");
  const auto with = std::make_shared<compare_arguments>();
  add_workload_options(*command, with->work);
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
          "Shapes to compare, separated by commas [waiting: sync,threads:5,async:5, and async:64,async:256 if there "
          "are "
          "as many tasks; computing: threads and processes for each core, and more threads for contrast]")
      ->type_name("LIST");
  add_count(*command, "--rounds", with->rounds, {1, 1000},
            "Run each shape N times, in turn; the median counts [3, more if the order is not clear]");
  command
      ->add_option_function<std::string>(
          "--sweep",
          [with](const std::string& most) {
            try {
              with->sweep = sweep_shapes(parse_shape(most));
            } catch (const std::invalid_argument& refused) {
              throw CLI::ValidationError("--sweep", refused.what());
            }
          },
          "Also run this shape with 1, 2, 4, ... N, and find the count where it stops paying, e.g. threads:8")
      ->type_name("SHAPE");
  add_python_options(*command, with->python);
  add_compare_output(*command, with->output);
  command->footer(
      "Examples:\n"
      "  fanout compare                                  waiting (io), computing (cpu)\n"
      "  fanout compare urls -i urls.txt                 your own URLs\n"
      "  fanout compare -i images.txt -- ./resize -q {}  your own program\n"
      "  fanout compare cpu --python --html report.html  with CPython, as a page\n\n"
      "Exit status: 0; 1 if a task failed; 2 for wrong options; 3 if the output cannot be written; 130 if "
      "interrupted.");
  command->callback([with, command, &chosen] {
    settle_workloads(*command, with->work);
    // With fewer tasks than places the last places of a sweep would be empty.
    if (!with->sweep.empty() && with->work.tasks == 0 && with->sweep.back().tasks > usual_tasks("io", 1))
      with->work.tasks = std::max<std::uint64_t>(usual_tasks("", available_cores()), with->sweep.back().tasks);
    check_memory(with->work, with->shapes.empty()
                                 ? usual_shapes("memory", with->work.tasks_of("memory"), available_cores())
                                 : with->shapes);
    check_memory(with->work, with->sweep);
    chosen = [with] { return run_compare(*with); };
  });
}

}  // namespace fanout::cli
