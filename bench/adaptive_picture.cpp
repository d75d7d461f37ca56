#include <fanout/fetch/adaptive_limit.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <queue>
#include <string>
#include <vector>

/// \file
/// The picture of docs/bulk.md: adaptive concurrency with a simulated server that serves 32 requests at a time, 100 ms
/// each, and after half of the time 128. Prints an SVG; the clock is the program's own, so it is the same each time.
namespace {

using namespace std::chrono_literals;
using fanout::fetch::adaptive_limit;
using time_point = adaptive_limit::clock::time_point;

constexpr auto service = 100ms;
constexpr std::chrono::seconds length{60};

struct sample {
  double seconds = 0;
  double limit = 0;
  double per_s = 0;
};

std::size_t places_at(time_point when) {
  return when < time_point(length / 2) ? 32 : 128;
}

std::vector<sample> simulate() {
  struct event {
    time_point at;
    adaptive_limit::ticket of;
    bool operator<(const event& other) const { return other.at < at; }
  };
  adaptive_limit limit;
  std::priority_queue<event> events;
  std::queue<adaptive_limit::ticket> waiting;
  std::size_t serving = 0;
  std::vector<sample> samples;
  std::uint64_t done = 0;
  auto sampled = time_point{};
  for (auto now = time_point{}; now < time_point(length);) {
    while (limit.has_room()) waiting.push(limit.begin(now));
    for (; !waiting.empty() && serving < places_at(now); ++serving) {
      events.push({now + service, waiting.front()});
      waiting.pop();
    }
    const event first = events.top();
    events.pop();
    now = first.at;
    --serving;
    ++done;
    limit.end(first.of, now, adaptive_limit::result::answered);
    if (now - sampled < 500ms) continue;
    samples.push_back({std::chrono::duration<double>(now.time_since_epoch()).count(), double(limit.limit()),
                       static_cast<double>(done) / std::chrono::duration<double>(now - sampled).count()});
    done = 0;
    sampled = now;
  }
  return samples;
}

constexpr double left = 60;
constexpr double width = 600;
constexpr double bottom = 270;
constexpr double height = 240;

std::string line_of(const std::vector<sample>& samples, double sample::* value, double most, const char* colour) {
  std::string points;
  for (const sample& each : samples)
    fmt::format_to(std::back_inserter(points), "{:.1f},{:.1f} ", left + width * each.seconds / double(length.count()),
                   bottom - height * std::min(1.0, each.*value / most));
  return fmt::format("<polyline fill='none' stroke='{}' stroke-width='2' points='{}'/>\n", colour, points);
}

void print_picture(const std::vector<sample>& samples) {
  constexpr double most = 200;
  fmt::print(
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 720 320' font-family='sans-serif' font-size='12'>\n"
      "<title>Requests in flight and throughput, with a server of 32 and then 128 places</title>\n"
      "<rect width='720' height='320' fill='white'/>\n");
  for (int in_flight = 0; in_flight <= 200; in_flight += 50) {
    const double y = bottom - height * in_flight / most;
    fmt::print(
        "<line x1='{0}' x2='{1}' y1='{2}' y2='{2}' stroke='#ddd'/>"
        "<text x='{3}' y='{4}' text-anchor='end'>{5}</text><text x='{6}' y='{4}'>{7}</text>\n",
        left, left + width, y, left - 6, y + 4, in_flight, left + width + 6, in_flight * 10);
  }
  for (int seconds = 0; seconds <= 60; seconds += 10)
    fmt::print("<text x='{}' y='{}' text-anchor='middle'>{} s</text>\n",
               left + width * seconds / double(length.count()), bottom + 18, seconds);
  fmt::print("{}{}", line_of(samples, &sample::limit, most, "#b3541e"),
             line_of(samples, &sample::per_s, most * 10, "#1e66b3"));
  fmt::print(
      "<text x='{}' y='20' fill='#b3541e'>in flight (left)</text>"
      "<text x='{}' y='20' fill='#1e66b3'>answers a second (right)</text>\n"
      "<text x='{}' y='308' text-anchor='middle'>the server has 32 places for 30 s, then 128; each answer takes "
      "100 ms</text>\n</svg>\n",
      left, left + 140, left + width / 2);
}

}  // namespace

int main() {
  print_picture(simulate());
}
