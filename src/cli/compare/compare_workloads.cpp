#include "cli/compare/compare_workloads.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/compare/detail/machine.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/http/url.hpp>

#include "cli/compare/compare_shapes.hpp"
#include "cli/text/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>

namespace fanout::cli {
namespace {

constexpr std::array<std::string_view, 6> known_names{"io", "cpu", "mixed", "memory", "lock", "urls"};
constexpr std::uint64_t most_tasks = 1'000'000;
constexpr std::chrono::milliseconds longest_latency = std::chrono::hours(1);  // the origin's own limit
constexpr std::chrono::milliseconds fetch_allowance = std::chrono::seconds(30);
constexpr std::uint64_t largest_block = 4ULL << 30;

/// An option, and the workloads it sets.
struct belonging {
  const char* option;
  std::vector<std::string_view> to;
};
const std::array<belonging, 6> belongings{{{"--latency", {"io", "mixed"}},
                                           {"--url", {"io"}},
                                           {"--work", {"cpu", "memory", "lock"}},
                                           {"--share", {"mixed", "lock"}},
                                           {"--size", {"memory"}},
                                           {"--input", {"urls", "command"}}}};

[[noreturn]] void refuse(const std::string& option, const std::string& why) {
  throw CLI::ValidationError(option, why);
}

/// "30%" or "0.3".
double parse_share(const std::string& text) {
  std::string_view number = text;
  const bool percent = number.ends_with('%');
  if (percent) number.remove_suffix(1);
  double value = 0;
  const auto [end, failed] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (percent) value /= 100;
  if (failed != std::errc{} || end != number.data() + number.size() || !(value > 0 && value <= 1))
    refuse("--share", fmt::format("'{}' is not a share; use a percentage such as 30%, above 0% and up to 100%", text));
  return value;
}

bool is_known(const std::string& name) {
  return std::ranges::find(known_names, name) != known_names.end();
}

/// As a shell finds it.
bool is_program(const std::string& name) {
  if (name.find('/') != name.npos) return ::access(name.c_str(), X_OK) == 0 && !std::filesystem::is_directory(name);
  const char* const path = std::getenv("PATH");
  for (std::string_view rest = path ? path : ""; !rest.empty();) {
    const auto end = std::min(rest.find(':'), rest.size());
    const auto file = std::filesystem::path(rest.substr(0, end)) / name;
    if (::access(file.c_str(), X_OK) == 0 && !std::filesystem::is_directory(file)) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

/// A first word that is no workload is a program, and the rest are its arguments.
void settle_names(workload_arguments& given) {
  if (is_known(given.names.front())) {
    for (const auto& name : given.names)
      if (!is_known(name))
        refuse("WORKLOAD",
               fmt::format("there is no '{}'; use {}; or put a program first", name, fmt::join(known_names, ", ")));
    return;
  }
  if (!is_program(given.names.front()))
    refuse("WORKLOAD", fmt::format("there is no '{}'; use {}, or a program with its arguments", given.names.front(),
                                   fmt::join(known_names, ", ")));
  given.command = std::move(given.names);
  given.names = {"command"};
}

void check_belonging(const CLI::App& command, const workload_arguments& given) {
  for (const auto& [option, to] : belongings)
    if (command.count(option) > 0 && std::ranges::none_of(to, [&](auto name) { return given.has(name); }))
      refuse(option,
             fmt::format("use it with the {} {}", to.size() == 1 ? "workload" : "workloads", fmt::join(to, ", ")));
}

/// The lines of a file that are not empty, at most so many.
std::vector<std::string> read_lines(const std::string& path, std::uint64_t at_most) {
  std::ifstream file;
  if (path != "-") file.open(path);
  std::istream& from = path == "-" ? std::cin : file;
  std::vector<std::string> lines;
  if (from)
    for (std::string line; lines.size() < at_most && std::getline(from, line);)
      if (!line.empty()) lines.push_back(line);
  const std::string name = path == "-" ? "standard input" : path;
  if (from.bad() || (path != "-" && !file.is_open()))
    throw std::runtime_error(fmt::format("-i: cannot read {}: {}", name, std::strerror(errno)));
  if (lines.empty()) throw std::runtime_error(fmt::format("-i: {} has no line", name));
  return lines;
}

workload make_command(const workload_arguments& with) {
  if (with.list.empty()) return workloads::command(with.command, with.tasks_of("command"));
  return workloads::command(with.command, read_lines(with.list, with.tasks > 0 ? with.tasks : most_tasks));
}

workload make_lock(const workload_arguments& with, std::uint64_t tasks) {
  const double share = with.share.value_or(1.0);
  const auto outside = part(with.work, 1 - share);
  const std::uint64_t free_limit = outside >= std::chrono::milliseconds(1) ? workloads::calibrate_cpu(outside) : 0;
  return workloads::lock(free_limit, workloads::calibrate_cpu(part(with.work, share)), tasks);
}

workload make_mixed(const workload_arguments& with, std::uint64_t tasks) {
  const double share = with.share.value_or(usual_share_of_mixed);
  return workloads::mixed(with.latency, workloads::calibrate_cpu(part(with.latency, share / (1 - share))), tasks);
}

}  // namespace

std::chrono::nanoseconds part(std::chrono::nanoseconds whole, double share) {
  return detail::saturating_cast<std::chrono::nanoseconds>(whole * share);
}

std::uint64_t workload_arguments::tasks_of(std::string_view name) const {
  return tasks > 0 ? tasks : usual_tasks(name, available_cores());
}

bool workload_arguments::has(std::string_view name) const {
  return std::ranges::find(names, name) != names.end();
}

void add_workload_options(CLI::App& command, workload_arguments& into) {
  command
      .add_option("WORKLOAD", into.names,
                  "io: fetch a slow page (from a server started for it); cpu: count primes; mixed: wait, then compute; "
                  "memory: copy blocks; lock: compute under one lock; urls: fetch a list (-i); or a program and its "
                  "arguments: run it once for each line of -i, with the line in place of {} or as last argument; put "
                  "-- before a program that has options [io cpu]")
      ->type_name("");
  add_count(command, "--tasks", into.tasks, {1, most_tasks},
            "Tasks of each workload [io: 5; computing: 5 or more, a multiple of the cores; with -i: all lines]");
  auto* const latency = add_duration(command, "--latency", into.latency,
                                     "io: response time of the page; mixed: waiting time of a task [400ms]");
  add_duration(command, "--work", into.work,
               "cpu, memory, lock: approximate computing time of a task on one core [300ms]");
  command
      .add_option_function<std::string>(
          "--share", [&into](const std::string& text) { into.share = parse_share(text); },
          "mixed: share of a task's time spent computing [50%]; lock: share that needs the lock [100%]")
      ->type_name("SHARE");
  add_size(command, "--size", into.size_bytes, "memory: size of the block a task copies [32MiB]");
  command
      .add_option("-i,--input", into.list,
                  "urls: file of URLs or JSON objects, one per line; program: file of inputs, one per line; - is "
                  "standard input")
      ->type_name("FILE");
  command.add_option("--url", into.url, "io: fetch this page instead")->type_name("URL")->excludes(latency);
}

void settle_workloads(const CLI::App& command, workload_arguments& given) {
  if (given.names.empty()) {
    if (given.list.empty())
      given.names = {"io", "cpu"};
    else
      given.names = {"urls"};
  }
  settle_names(given);
  check_belonging(command, given);
  if (given.has("urls") && given.list.empty()) refuse("urls", "it needs a list: add -i FILE");
  if (given.latency > longest_latency) refuse("--latency", "it may be at most 1h");
  if (given.has("mixed") && given.latency.count() == 0) refuse("--latency", "tasks of mixed wait: use 1ms or more");
  if (given.has("mixed") && given.share == 1.0)
    refuse("--share", "tasks of mixed also wait: use less than 100%, or the workload cpu");
  if (given.work.count() == 0) refuse("--work", "use 1ms or more");
  if (given.size_bytes < 1024 || given.size_bytes > largest_block) refuse("--size", "use 1KiB to 4GiB");
  try {
    if (!given.url.empty()) static_cast<void>(http::url(given.url));
  } catch (const error& failed) {
    refuse("--url", failed.what());
  }
}

void check_memory(const workload_arguments& given, const std::vector<shape>& shapes) {
  const std::uint64_t there_is = detail::this_machine().memory_bytes;
  if (!given.has("memory") || there_is == 0) return;
  constexpr std::uint64_t blocks = 2;  // of each lane: what it copies, and where to
  constexpr double gib = 1024.0 * 1024.0 * 1024.0;
  const std::uint64_t tasks = given.tasks_of("memory");
  for (const shape& each : shapes) {
    const std::uint64_t lanes = std::min(std::uint64_t{each.processes} * each.threads, tasks);
    const std::uint64_t needed = (lanes + (each.uses_workers() ? 1 : 0)) * blocks * given.size_bytes;
    if (needed > there_is)
      refuse("--size",
             fmt::format("{} would copy blocks of {:.1f} GiB in total, and this machine has {:.1f} GiB of "
                         "memory; use smaller blocks, or fewer threads",
                         to_string(each), static_cast<double>(needed) / gib, static_cast<double>(there_is) / gib));
  }
}

workload make_named(const std::string& name, const workload_arguments& with, const origin_process* origin,
                    const interrupt& stop) {
  const std::uint64_t tasks = with.tasks_of(name);
  if (name == "command") return make_command(with);
  if (name == "cpu") return workloads::cpu(workloads::calibrate_cpu(with.work), tasks);
  if (name == "mixed") return make_mixed(with, tasks);
  if (name == "lock") return make_lock(with, tasks);
  if (name == "memory")
    return workloads::memory(with.size_bytes, workloads::calibrate_memory(with.size_bytes, with.work), tasks);
  if (name == "urls")
    return workloads::urls(with.list, with.tasks > 0 ? with.tasks : most_tasks, fetch_allowance, &stop);
  if (!with.url.empty()) return workloads::io(with.url, tasks, fetch_allowance);
  return workloads::io(origin->url(fmt::format("/delay/{}", with.latency.count())), tasks,
                       with.latency + fetch_allowance);
}

}  // namespace fanout::cli
