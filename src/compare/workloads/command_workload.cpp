#include <fanout/async/program.hpp>
#include <fanout/base/failure.hpp>
#include <fanout/compare/detail/text.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/process/remote.hpp>

#include "compare/workloads/load.hpp"

#include <cereal/types/string.hpp>
#include <cereal/types/vector.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fanout::workloads {

struct command_line {
  std::vector<std::string> arguments;
  std::uint64_t index = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(arguments, index);
  }
};

/// What a command used, of which the thread that waited for it knows nothing.
struct command_cost {
  std::uint64_t index = 0;
  std::int64_t cpu_ns = 0;

  template <class Archive>
  void serialize(Archive& archive) {
    archive(index, cpu_ns);
  }
};

namespace {

constexpr std::string_view place = "{}";

/// Every `{}` in every argument becomes the input; without one, the input is the last argument.
command_line with_input(const std::vector<std::string>& arguments, const std::string& input, std::uint64_t index) {
  command_line made{arguments, index};
  bool placed = false;
  for (std::string& each : made.arguments)
    for (auto at = each.find(place); at != each.npos; at = each.find(place, at + input.size())) {
      each.replace(at, place.size(), input);
      placed = true;
    }
  if (!placed) made.arguments.push_back(input);
  return made;
}

std::string last_line_of(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  const auto end = text.rfind('\n');
  return detail::printable(end == text.npos ? text : text.substr(end + 1));
}

std::string how_it_failed(const command_line& what, const program_result& ended) {
  std::string said = fmt::format("{}: ", detail::printable(fmt::format("{}", fmt::join(what.arguments, " "))));
  said += ended.signal != 0 ? fmt::format("killed by signal {}", ended.signal)
                            : fmt::format("exit status {}", ended.exit_status);
  const std::string line = last_line_of(ended.errors);
  return line.empty() ? said : said + ": " + line;
}

std::chrono::nanoseconds since(const timeval& before, const timeval& after) {
  return std::chrono::seconds(after.tv_sec - before.tv_sec) + std::chrono::microseconds(after.tv_usec - before.tv_usec);
}

rusage used_by_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  return used;
}

using cpu_of_commands = std::vector<std::chrono::nanoseconds>;  ///< of each; negative for one that failed

/// A command's CPU time is that of a child of the process that starts it. What a worker process started is counted with
/// the worker; what this process started is not yet.
workload_run with_cost_of_children(const workload& inner, const options& how, std::uint64_t count,
                                   cpu_of_commands& of_each) {
  of_each.assign(count, std::chrono::nanoseconds(-1));
  const rusage before = used_by_children();
  std::optional<detail::ready_meter> ready;
  if (how.shape.model == model::sync) ready.emplace(detail::ready_meter::whose::children);
  workload_run done = inner.run(how, count);
  if (ready) done.without_core = std::max(ready->stop(), std::chrono::nanoseconds(0));
  const rusage after = used_by_children();
  if (!done.cost.shape.uses_workers()) {
    done.cost.cpu_user += since(before.ru_utime, after.ru_utime);
    done.cost.cpu_system += since(before.ru_stime, after.ru_stime);
    done.cost.voluntary_switches += static_cast<std::uint64_t>(after.ru_nvcsw - before.ru_nvcsw);
    done.cost.involuntary_switches += static_cast<std::uint64_t>(after.ru_nivcsw - before.ru_nivcsw);
  }
  done.computed = of_each;
  return done;
}

}  // namespace

/// Not in an unnamed namespace: a worker process finds it by its name.
task<command_cost> run_command(command_line what) {
  program command;
  command.arguments = what.arguments;
  auto running = run_program(std::move(command));
  const program_result ended = co_await std::move(running);
  if (!ended.ok()) throw error(failure_kind::task_failed, how_it_failed(what, ended));
  co_return command_cost{what.index, (ended.cpu_user + ended.cpu_system).count()};
}

namespace {

workload make_command(const std::vector<std::string>& arguments, std::vector<command_line> all) {
  const std::size_t count = all.size();
  const auto of_each = std::make_shared<cpu_of_commands>();
  const workload inner = make_workload("command",
                                       fmt::format("{} {} of {}", count, count == 1 ? "run" : "runs",
                                                   detail::printable(fmt::format("{}", fmt::join(arguments, " ")))),
                                       remote<run_command>, std::move(all), [of_each](const command_cost& cost) {
                                         of_each->at(cost.index) = std::chrono::nanoseconds(cost.cpu_ns);
                                         return std::uint64_t{0};
                                       });
  workload made = inner;
  made.run = [inner, of_each](const options& how, std::uint64_t first) {
    return with_cost_of_children(inner, how, first, *of_each);
  };
  return made;
}

void check(const std::vector<std::string>& arguments) {
  if (arguments.empty()) throw std::invalid_argument("a command needs the name of a program");
}

}  // namespace

workload command(const std::vector<std::string>& arguments, const std::vector<std::string>& inputs) {
  check(arguments);
  std::vector<command_line> all;
  all.reserve(inputs.size());
  for (const std::string& input : inputs) all.push_back(with_input(arguments, input, all.size()));
  return make_command(arguments, std::move(all));
}

workload command(const std::vector<std::string>& arguments, std::uint64_t times) {
  check(arguments);
  std::vector<command_line> all(times, command_line{arguments});
  for (std::uint64_t i = 0; i < times; ++i) all[i].index = i;
  return make_command(arguments, std::move(all));
}

}  // namespace fanout::workloads
