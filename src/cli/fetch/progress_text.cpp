#include "cli/fetch/progress_text.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/fetch/record_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <iterator>
#include <vector>

namespace fanout::cli {
namespace {

double in_seconds(std::chrono::microseconds of) {
  return std::chrono::duration<double>(of).count();
}

std::string readable_duration(std::chrono::microseconds of) {
  const double seconds = in_seconds(of);
  return seconds < 1 ? fmt::format("{:.0f} ms", seconds * 1000) : fmt::format("{:.1f} s", seconds);
}

std::string failures_in_words(const fetch::counts& counts) {
  std::vector<std::pair<std::uint64_t, std::string_view>> kinds;
  for (const auto& [kind, count] : counts.by_kind)
    if (kind != failure_kind::cancelled) kinds.emplace_back(count, to_string(kind));
  std::sort(kinds.begin(), kinds.end(), std::greater<>());
  std::string text;
  for (const auto& [count, kind] : kinds)
    fmt::format_to(std::back_inserter(text), "{}{} {}", text.empty() ? "" : ", ", kind, count);
  return text;
}

std::uint64_t failed(const fetch::counts& counts) {
  return counts.failed - counts.of(failure_kind::cancelled);
}

std::string share_done(const progress_view& view) {
  const std::uint64_t done = view.done();
  if (!view.total) return fmt::format("{} done", done);
  const double share =
      *view.total == 0 ? 1 : std::min(1.0, static_cast<double>(done) / static_cast<double>(*view.total));
  return fmt::format("{}/{} {:.0f}%", done, *view.total, std::floor(share * 100));
}

/// In the order in which they are worth a place.
std::vector<std::string> pieces_of(const progress_view& view) {
  std::vector<std::string> all{share_done(view), fmt::format("{:.0f}/s", view.rate)};
  const std::uint64_t failures = failed(view.now.counts);
  if (const auto left = view.left()) all.push_back(readable_time(*left) + " left");
  if (failures > 0) all.push_back(fmt::format("{} failed", failures));
  all.push_back(fetch::readable_bytes(static_cast<std::uint64_t>(view.byte_rate)) + "/s");
  all.push_back(fmt::format("{} in flight", view.now.in_flight()));
  if (failures > 0) all.push_back(fmt::format("({})", failures_in_words(view.now.counts)));
  if (view.slowest && !view.slowest->host.empty())
    all.push_back(
        fmt::format("slowest {} {}", shown_name(view.slowest->host, 30), readable_duration(view.slowest->mean)));
  return all;
}

void append_family(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

std::optional<std::chrono::seconds> progress_view::left() const {
  if (!total || rate <= 0) return std::nullopt;
  const std::uint64_t missing = *total > done() ? *total - done() : 0;
  const double seconds = std::ceil(static_cast<double>(missing) / rate);
  constexpr double most = 1e9;
  return std::chrono::seconds(static_cast<std::int64_t>(std::min(seconds, most)));
}

std::string shown_name(std::string_view name, std::size_t most) {
  std::string text;
  for (const char c : name.substr(0, most)) text += c > 0x20 && c < 0x7f ? c : '?';
  if (name.size() > most) text += "...";
  return text;
}

std::string readable_time(std::chrono::seconds of) {
  const auto s = of.count();
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3'600) return fmt::format("{}m{:02}s", s / 60, s % 60);
  if (s < 86'400) return fmt::format("{}h{:02}m", s / 3'600, s / 60 % 60);
  return fmt::format("{}d{:02}h", s / 86'400, s / 3'600 % 24);
}

std::string progress_bar(const progress_view& view, std::size_t width) {
  const std::size_t room = width > 1 ? width - 1 : 0;
  std::string text;
  for (const std::string& piece : pieces_of(view)) {
    const std::size_t between = text.empty() ? 0 : 2;
    if (text.size() + between + piece.size() > room) break;
    text.append(between, ' ').append(piece);
  }
  // The bar takes what is left, where it says something.
  constexpr std::size_t shortest = 12, longest = 32;
  if (view.total && *view.total > 0 && text.size() + shortest + 1 <= room) {
    const std::size_t inside = std::min(room - text.size() - 1, longest) - 2;
    const double share = std::min(1.0, static_cast<double>(view.done()) / static_cast<double>(*view.total));
    const auto full = static_cast<std::size_t>(share * static_cast<double>(inside));
    std::string bar = "[";
    bar.append(full, '#').append(inside - full, '.').append("] ");
    text.insert(0, bar);
  }
  return text.empty() ? share_done(view).substr(0, room) : text;
}

std::string progress_line(const progress_view& view) {
  std::string text = "fanout fetch:";
  for (const std::string& piece : pieces_of(view)) text.append(text.back() == ':' ? 1 : 2, ' ').append(piece);
  return text + "\n";
}

std::string metrics_text(const progress_view& view) {
  const fetch::job_figures& now = view.now;
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view labels, auto value) {
    fmt::format_to(std::back_inserter(text), "{}{} {}\n", name, labels, value);
  };
  append_family(text, "fanout_requests_started_total", "counter", "Requests taken from the list by this run.");
  line("fanout_requests_started_total", "", now.begun);
  append_family(text, "fanout_requests_total", "counter", "Requests that ended in this run, by kind of failure.");
  line("fanout_requests_total", "{result=\"ok\"}", now.counts.succeeded);
  for (const auto& [kind, count] : now.counts.by_kind)
    line("fanout_requests_total", fmt::format("{{result=\"{}\"}}", to_string(kind)), count);
  append_family(text, "fanout_responses_total", "counter", "Responses, by status.");
  for (const auto& [status, count] : now.by_status)
    if (status != 0) line("fanout_responses_total", fmt::format("{{status=\"{}\"}}", status), count);
  append_family(text, "fanout_body_bytes_total", "counter", "Bytes of bodies.");
  line("fanout_body_bytes_total", "", now.counts.bytes);
  append_family(text, "fanout_connections_reused_total", "counter", "Responses over a connection that was open.");
  line("fanout_connections_reused_total", "", now.reused);
  append_family(text, "fanout_requests_in_flight", "gauge", "Requests under way.");
  line("fanout_requests_in_flight", "", now.in_flight());
  append_family(text, "fanout_inputs_done_before", "gauge", "Inputs that earlier runs of the job have done.");
  line("fanout_inputs_done_before", "", view.done_before);
  if (view.total) {
    append_family(text, "fanout_inputs", "gauge", "Inputs of the job.");
    line("fanout_inputs", "", *view.total);
  }
  append_family(text, "fanout_request_duration_seconds", "summary", "From the start of a request to its end.");
  for (const double share : {0.5, 0.9, 0.99, 0.999})
    line("fanout_request_duration_seconds", fmt::format("{{quantile=\"{}\"}}", share),
         in_seconds(now.latency.percentile(share)));
  line("fanout_request_duration_seconds_sum", "",
       in_seconds(now.latency.mean()) * static_cast<double>(now.latency.count()));
  line("fanout_request_duration_seconds_count", "", now.latency.count());
  return text;
}

}  // namespace fanout::cli
