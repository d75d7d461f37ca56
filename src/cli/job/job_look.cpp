#include "cli/job/job_look.hpp"

#include "cli/fetch/progress_text.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

namespace fanout::cli {
namespace {

namespace json = boost::json;

/// What the logs of all parts say together.
struct pace {
  double rate = 0;  ///< of runs that go on
  std::optional<std::uint64_t> total;
  std::uint64_t in_flight = 0;
};

/// Requests that ended in a second in the last half a minute of a run.
double recent_rate(const fetch::logged_run& run) {
  if (run.moments.empty()) return 0;
  const fetch::logged_moment& last = run.moments.back();
  constexpr double lately = 30;
  const auto from = std::find_if(run.moments.begin(), run.moments.end(),
                                 [&](const auto& each) { return each.seconds >= last.seconds - lately; });
  const bool alone = from->seconds == last.seconds;
  const double took = alone ? last.seconds : last.seconds - from->seconds;
  const std::uint64_t done = alone ? last.done : last.done - from->done;
  return took > 0 ? static_cast<double>(done) / took : 0;
}

pace pace_of(const job_look& job) {
  pace made;
  std::uint64_t total = 0;
  bool known = true;
  for (std::size_t i = 0; i < job.files.parts.size(); ++i) {
    std::optional<std::uint64_t> of_part;
    for (const fetch::logged_run& run : job.runs[i])
      for (const fetch::logged_moment& each : run.moments)
        if (each.total) of_part = each.total;
    total += of_part.value_or(0);
    known = known && of_part.has_value();
    if (job.files.parts[i].state != fetch::job_state::running || job.runs[i].empty()) continue;
    made.rate += recent_rate(job.runs[i].back());
    if (!job.runs[i].back().moments.empty()) made.in_flight += job.runs[i].back().moments.back().in_flight;
  }
  if (known) made.total = total;
  return made;
}

std::optional<std::chrono::seconds> left_of(const job_look& job, const pace& with) {
  progress_view view;
  view.done_before = job.done();
  view.total = with.total;
  view.rate = with.rate;
  return view.left();
}

std::string failures_text(const job_look& job) {
  std::string kinds;
  for (const auto& [kind, count] : job.found.by_kind)
    fmt::format_to(std::back_inserter(kinds), "{}{} {}", kinds.empty() ? "" : ", ", kind, count);
  std::string text;
  if (!kinds.empty()) text += fmt::format("failures: {}\n", kinds);
  std::string hosts;
  for (const auto& each : job.found.failing_hosts.largest(10))
    fmt::format_to(std::back_inserter(hosts), "  {:>9}  {}\n", each.own(), shown_name(each.name, 80));
  if (!hosts.empty()) text += "hosts with most failures:\n" + hosts;
  return text;
}

}  // namespace

std::uint64_t job_look::done() const {
  std::uint64_t count = 0;
  bool all = true;
  for (const fetch::job_part& part : files.parts) {
    if (part.journal) count += part.journal->done.size();
    all = all && (part.journal || part.state == fetch::job_state::absent);
  }
  return all && count > 0 ? count : std::max(count, found.records);
}

std::uint64_t job_look::failed() const {
  std::uint64_t count = 0;
  bool any = false;
  for (const fetch::job_part& part : files.parts) {
    if (part.journal) count += part.journal->failed.size();
    any = any || part.journal;
  }
  return any ? count : found.failed;
}

job_look look_at_job(const std::string& destination, fetch::check_options how) {
  job_look made{.files = fetch::find_job(destination), .runs = {}, .found = {}};
  for (const fetch::job_part& part : made.files.parts)
    made.runs.push_back(fetch::read_run_log(fetch::run_log_path(part.path)));
  made.found = fetch::check_job(made.files, how);
  return made;
}

std::string job_text(const job_look& job) {
  const fetch::job_files& files = job.files;
  const pace now = pace_of(job);
  std::string text = fmt::format("{}: {}", files.path, to_string(files.state()));
  if (files.shards) {
    const auto in = [&](fetch::job_state state) {
      return std::count_if(files.parts.begin(), files.parts.end(),
                           [&](const auto& each) { return each.state == state; });
    };
    using enum fetch::job_state;
    text += fmt::format(", {} shards: {} complete, {} running, {} stopped, {} not begun{}", files.parts.size(),
                        in(complete), in(running), in(stopped), in(absent), files.joined ? "; joined" : "");
  }
  text += fmt::format("\n{} done{}, {} failed", job.done(), now.total ? fmt::format(" of {}", *now.total) : "",
                      job.failed());
  if (files.state() == fetch::job_state::running) {
    text += fmt::format(", {:.0f} a second, {} in flight", now.rate, now.in_flight);
    if (const auto left = left_of(job, now)) text += fmt::format(", {} left", readable_time(*left));
  }
  return text + "\n" + failures_text(job);
}

std::string job_json(const job_look& job) {
  const pace now = pace_of(job);
  json::object kinds;
  for (const auto& [kind, count] : job.found.by_kind) kinds[kind] = count;
  json::array hosts;
  for (const auto& each : job.found.failing_hosts.largest(100))
    hosts.push_back(json::object{{"host", each.name}, {"failed", each.own()}});
  json::object made{{"state", to_string(job.files.state())},
                    {"done", job.done()},
                    {"failed", job.failed()},
                    {"failures", std::move(kinds)},
                    {"failing_hosts", std::move(hosts)}};
  if (now.total) made["total"] = *now.total;
  if (job.files.state() == fetch::job_state::running) {
    made["per_s"] = now.rate;
    made["in_flight"] = now.in_flight;
    if (const auto left = left_of(job, now)) made["left_s"] = left->count();
  }
  if (job.files.shards) {
    json::array shards;
    for (const fetch::job_part& part : job.files.parts)
      shards.push_back(json::object{{"state", to_string(part.state)},
                                    {"done", part.journal ? part.journal->done.size() : 0},
                                    {"failed", part.journal ? part.journal->failed.size() : 0}});
    made["shards"] = std::move(shards);
    made["joined"] = job.files.joined;
  }
  return json::serialize(made) + "\n";
}

std::string job_history_json(const job_look& job) {
  json::object kinds;
  for (const auto& [kind, count] : job.found.by_kind) kinds[kind] = count;
  json::array hosts;
  for (const auto& each : job.found.failing_hosts.largest(50))
    hosts.push_back(json::object{{"host", each.name}, {"failed", each.own()}});
  json::array runs;
  for (std::size_t i = 0; i < job.runs.size(); ++i) {
    for (const fetch::logged_run& run : job.runs[i]) {
      json::array moments;
      for (const fetch::logged_moment& each : run.moments)
        moments.push_back(json::object{{"t", each.seconds},
                                       {"done", each.done},
                                       {"failed", each.failed},
                                       {"bytes", each.bytes},
                                       {"in_flight", each.in_flight},
                                       {"p50_ms", each.p50_ms},
                                       {"p99_ms", each.p99_ms}});
      json::object made{{"started", run.started},
                        {"shape", run.shape},
                        {"done_before", run.done_before},
                        {"ended", run.ended},
                        {"moments", std::move(moments)}};
      if (!run.limits.empty()) {
        json::array limits;
        for (const fetch::host_limit& each : run.limits) {
          json::object limit{{"host", each.host}, {"in_flight", each.in_flight}};
          if (each.per_s > 0) limit["per_s"] = each.per_s;
          limits.push_back(std::move(limit));
        }
        made["limits"] = std::move(limits);
      }
      if (const auto shard = job.files.parts[i].shard) made["shard"] = *shard;
      runs.push_back(std::move(made));
    }
  }
  json::object made{{"path", job.files.path}, {"state", to_string(job.files.state())}, {"done", job.done()},
                    {"failed", job.failed()}, {"failures", std::move(kinds)},          {"hosts", std::move(hosts)},
                    {"runs", std::move(runs)}};
  if (const auto total = pace_of(job).total) made["total"] = *total;
  return json::serialize(json::object{{"job", std::move(made)}});
}

}  // namespace fanout::cli
