#include "cli/compare_workloads.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/base/saturated_time.hpp>
#include <fanout/compare/detail/machine.hpp>
#include <fanout/compare/workloads.hpp>
#include <fanout/http/url.hpp>

#include "cli/units.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

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
                                           {"--input", {"urls"}}}};

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

void check_names(const workload_arguments& given) {
  for (const auto& name : given.names)
    if (std::ranges::find(known_names, name) == known_names.end())
      refuse("WORKLOAD", fmt::format("there is no '{}'; there are {}", name, fmt::join(known_names, ", ")));
}

void check_belonging(const CLI::App& command, const workload_arguments& given) {
  for (const auto& [option, to] : belongings)
    if (command.count(option) > 0 && std::ranges::none_of(to, [&](auto name) { return given.has(name); }))
      refuse(option, fmt::format("it is for the {} {}, which {} not among those to run",
                                 to.size() == 1 ? "workload" : "workloads", fmt::join(to, ", "),
                                 to.size() == 1 ? "is" : "are"));
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

bool workload_arguments::has(std::string_view name) const {
  return std::ranges::find(names, name) != names.end();
}

void add_workload_options(CLI::App& command, workload_arguments& into) {
  command
      .add_option("WORKLOAD", into.names,
                  "io: fetches of a slow page, from an origin started for it; cpu: counting primes; mixed: waits, then "
                  "computes; memory: copies; lock: computes under one lock; urls: fetches of a list [io cpu]")
      ->type_name("");
  add_count(command, "--tasks", into.tasks, {1, most_tasks}, "Tasks of each workload [5; urls: all of the list]");
  auto* const latency = add_duration(command, "--latency", into.latency,
                                     "io: how long the page takes; mixed: how long a task waits [400ms]");
  add_duration(command, "--work", into.work,
               "cpu, memory, lock: how long one task computes on one core, about [300ms]");
  command
      .add_option_function<std::string>(
          "--share", [&into](const std::string& text) { into.share = parse_share(text); },
          "mixed: how much of a task is computing [50%]; lock: how much of it needs the lock [100%]")
      ->type_name("SHARE");
  add_size(command, "--size", into.size_bytes, "memory: what a task copies at a time [32MiB]");
  command.add_option("-i,--input", into.list, "urls: the list, one URL or JSON object a line; - is standard input")
      ->type_name("FILE");
  command.add_option("--url", into.url, "io: fetch this page instead of the origin's")
      ->type_name("URL")
      ->excludes(latency);
}

void settle_workloads(const CLI::App& command, workload_arguments& given) {
  if (given.names.empty()) {
    if (given.list.empty())
      given.names = {"io", "cpu"};
    else
      given.names = {"urls"};
  }
  check_names(given);
  check_belonging(command, given);
  if (given.has("urls") && given.list.empty()) refuse("urls", "it needs a list; name it with -i FILE");
  if (given.latency > longest_latency) refuse("--latency", "it may be at most 1h");
  if (given.has("mixed") && given.latency.count() == 0) refuse("--latency", "tasks of mixed wait; use 1ms or more");
  if (given.has("mixed") && given.share == 1.0)
    refuse("--share", "tasks of mixed wait, too; use less than 100%, or the workload cpu");
  if (given.work.count() == 0) refuse("--work", "a task of no work cannot be measured; use 1ms or more");
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
  const std::uint64_t tasks = given.tasks > 0 ? given.tasks : usual_tasks;
  for (const shape& each : shapes) {
    const std::uint64_t lanes = std::min(std::uint64_t{each.processes} * each.threads, tasks);
    const std::uint64_t needed = (lanes + (each.uses_workers() ? 1 : 0)) * blocks * given.size_bytes;
    if (needed > there_is)
      refuse("--size",
             fmt::format("{} would copy blocks of {:.1f} GiB in all, and this machine has {:.1f} GiB of "
                         "memory; use smaller blocks, or fewer lanes",
                         to_string(each), static_cast<double>(needed) / gib, static_cast<double>(there_is) / gib));
  }
}

workload make_named(const std::string& name, const workload_arguments& with, const origin_process* origin,
                    const interrupt& stop) {
  const std::uint64_t tasks = with.tasks > 0 ? with.tasks : usual_tasks;
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
