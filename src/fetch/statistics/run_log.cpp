#include <fanout/fetch/output.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/run_log.hpp>

#include <boost/json.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>

namespace fanout::fetch {
namespace {

namespace json = boost::json;
using std::chrono::nanoseconds;

double in_ms(std::chrono::microseconds of) {
  return std::chrono::duration<double, std::milli>(of).count();
}

std::uint64_t number(const json::object& of, std::string_view name) {
  const json::value* const member = of.if_contains(name);
  boost::system::error_code failed;
  const auto value = member ? member->to_number<std::uint64_t>(failed) : 0;
  return failed ? 0 : value;
}

double real(const json::object& of, std::string_view name) {
  const json::value* const member = of.if_contains(name);
  boost::system::error_code failed;
  const auto value = member ? member->to_number<double>(failed) : 0;
  return failed ? 0 : value;
}

std::string text(const json::object& of, std::string_view name) {
  const json::value* const member = of.if_contains(name);
  return member && member->is_string() ? std::string(member->get_string()) : std::string();
}

logged_moment moment_of(const json::object& line) {
  logged_moment made{.seconds = real(line, "t"),
                     .done = number(line, "done"),
                     .failed = number(line, "failed"),
                     .bytes = number(line, "bytes"),
                     .in_flight = number(line, "in_flight")};
  made.p50_ms = real(line, "p50_ms");
  made.p99_ms = real(line, "p99_ms");
  if (line.contains("total")) made.total = number(line, "total");
  if (const json::value* const kinds = line.if_contains("failures"); kinds && kinds->is_object())
    for (const auto& [kind, count] : kinds->get_object())
      if (count.is_int64()) made.failures[std::string(kind)] = static_cast<std::uint64_t>(count.get_int64());
  return made;
}

std::vector<host_limit> limits_of(const json::object& line) {
  std::vector<host_limit> made;
  const json::value* const hosts = line.if_contains("limits");
  if (hosts == nullptr || !hosts->is_array()) return made;
  for (const json::value& each : hosts->get_array())
    if (const json::object* const of = each.if_object())
      made.push_back({text(*of, "host"), static_cast<std::uint32_t>(number(*of, "in_flight")), real(*of, "per_s")});
  return made;
}

}  // namespace

run_log::run_log(const std::string& path, const beginning& of)
    : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (of.anew ? O_TRUNC : 0), 0666)) {
  if (!file_) throw output_error(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  const json::object line{{"run", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
                          {"pid", ::getpid()},
                          {"shape", of.shape},
                          {"done_before", of.done_before}};
  // What a killed run has left has no end, perhaps.
  const bool begins = of.anew || ::lseek(file_.value(), 0, SEEK_END) == 0;
  write_all(file_.value(), fmt::format("{}{}\n", begins ? "" : "\n", json::serialize(line)));
}

void run_log::add(nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total) {
  write(elapsed, now, total, nullptr);
  next_ = elapsed + std::max<nanoseconds>(std::chrono::seconds(1), elapsed / 600);
}

void run_log::end(nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total,
                  const std::vector<host_limit>& limits) {
  write(elapsed, now, total, &limits);
}

/// `limits`: of the last line.
void run_log::write(nanoseconds elapsed, const job_figures& now, std::optional<std::uint64_t> total,
                    const std::vector<host_limit>* limits) {
  json::object failures;
  for (const auto& [kind, count] : now.counts.by_kind)
    if (kind != failure_kind::cancelled) failures[to_string(kind)] = count;
  const std::uint64_t cancelled = now.counts.of(failure_kind::cancelled);
  json::object line{{"t", static_cast<double>(elapsed / std::chrono::milliseconds(1)) / 1000},
                    {"done", now.ended - cancelled},
                    {"failed", now.counts.failed - cancelled},
                    {"bytes", now.counts.bytes},
                    {"in_flight", now.in_flight()},
                    {"p50_ms", in_ms(now.latency.percentile(0.5))},
                    {"p99_ms", in_ms(now.latency.percentile(0.99))},
                    {"failures", std::move(failures)}};
  if (total) line["total"] = *total;
  if (limits != nullptr) line["ended"] = true;
  if (limits != nullptr && !limits->empty()) {
    json::array hosts;
    for (const host_limit& each : *limits) {
      json::object of{{"host", each.host}, {"in_flight", each.in_flight}};
      if (each.per_s > 0) of["per_s"] = each.per_s;
      hosts.push_back(std::move(of));
    }
    line["limits"] = std::move(hosts);
  }
  write_all(file_.value(), json::serialize(line) + "\n");
}

std::vector<logged_run> read_run_log(const std::string& path) {
  std::vector<logged_run> runs;
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    json::error_code failed;
    const json::value value = json::parse(line, failed);
    const json::object* const object = failed ? nullptr : value.if_object();
    if (object == nullptr) continue;
    if (object->contains("run"))
      runs.push_back({.started = text(*object, "run"),
                      .shape = text(*object, "shape"),
                      .done_before = number(*object, "done_before")});
    else if (!runs.empty() && object->contains("t")) {
      runs.back().moments.push_back(moment_of(*object));
      runs.back().ended = object->contains("ended");
      runs.back().limits = limits_of(*object);
    }
  }
  return runs;
}

}  // namespace fanout::fetch
