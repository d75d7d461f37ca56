#include <fanout/fetch/duplicate_finder.hpp>
#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/journal.hpp>
#include <fanout/fetch/record_sinks.hpp>
#include <fanout/fetch/sinks.hpp>
#include <fanout/fetch/sqlite_output.hpp>
#include <fanout/fetch/warc_encoder.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <time.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

/// \file
/// Parts of bulk fetch, each alone: `bench_bulk_parts PART`. A line of JSON with what was measured;
/// bench/bulk_figures.py reads it.
namespace {

using clock_type = std::chrono::steady_clock;
using namespace std::chrono_literals;
namespace fetch = fanout::fetch;

double seconds_since(clock_type::time_point begin) {
  return std::chrono::duration<double>(clock_type::now() - begin).count();
}

/// Of CPU, so that neighbours on the machine count less.
double cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

std::uint64_t peak_bytes() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<std::uint64_t>(used.ru_maxrss) * 1024;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  file >> all >> resident;
  return resident * 4096;
}

/// 1 million hosts with 10 URLs each and a delay of 1 s (0.5 to 1.5, so that their order changes), which the clock of
/// this program jumps over: time of a pick, of an add, and memory of a host that has nothing queued and waits for its
/// delay.
int scheduler(bool shuffled) {
  constexpr std::uint64_t hosts = 1'000'000;
  constexpr std::uint64_t each = 10;
  const auto before = resident_bytes();
  fetch::host_scheduler queue(
      {.per_host = 1, .host_delay = 1s, .host_memory = 64 * 1024, .memory = std::size_t{2} << 30});
  std::string host;
  std::string url;
  const double added_from = cpu_seconds();
  for (std::uint64_t i = 0; i < hosts * each; ++i) {
    host.clear();
    const std::uint64_t number = shuffled ? i * (20 * (i / hosts) + 611'953) % hosts : i % hosts;
    fmt::format_to(std::back_inserter(host), "www.site-{}.example", number);
    url.clear();
    fmt::format_to(std::back_inserter(url), "http://{}/page/{}", host, i / hosts);
    queue.add(host, url, i);
  }
  const double add_s = cpu_seconds() - added_from;
  for (std::uint64_t i = 0; shuffled && i < hosts; ++i)
    queue.limit_host(fmt::format("www.site-{}.example", i), 1, 500ms + std::chrono::microseconds(i * 7919 % 1'000'000));
  fetch::host_scheduler::item next;
  fetch::host_scheduler::clock::time_point now{};
  std::uint64_t picks = 0;
  std::uint64_t waits = 0;
  const double picked_from = cpu_seconds();
  while (queue.statistics().queued != 0) {
    const auto step = queue.next(now, next);
    if (step.taken) {
      queue.done(next);
      ++picks;
      now += 100ns;  // 10 million a second
    } else {
      now = step.until;
      ++waits;
    }
  }
  const double pick_s = cpu_seconds() - picked_from;
  if (picks != hosts * each) {
    fmt::print(stderr, "{} picks of {}\n", picks, hosts * each);
    return 1;
  }
  // Memory: the same hosts, one URL each, taken and ended, their delays not over.
  queue = fetch::host_scheduler();
  fetch::host_scheduler idle({.per_host = 1, .host_delay = 24h});
  const auto empty = resident_bytes();
  for (std::uint64_t i = 0; i < hosts; ++i) {
    host.clear();
    fmt::format_to(std::back_inserter(host), "www.site-{}.example", i);
    idle.add(host, "http://x/", i);
    if (!idle.next(now, next).taken) return 1;
    idle.done(next);
  }
  const auto statistics = idle.statistics();
  if (statistics.hosts != hosts || statistics.queued != 0) return 1;
  fmt::print(
      "{{\"pick_us\":{:.3f},\"add_us\":{:.3f},\"waits\":{},\"idle_host_bytes\":{:.1f},\"idle_host_rss_bytes\":{:.1f},"
      "\"rss_before\":{}}}\n",
      pick_s * 1e6 / static_cast<double>(picks), add_s * 1e6 / static_cast<double>(picks), waits,
      static_cast<double>(statistics.memory) / hosts, static_cast<double>(resident_bytes() - empty) / hosts, before);
  return 0;
}

/// A list whose first 2 million lines are one host, then 1,000 hosts with 1,000 lines each, in turn. Fetches take 100
/// ms of the clock of this program, one in flight for each host. How many of the 1,000 are kept busy, and the peak
/// memory.
int sorted_list() {
  constexpr std::uint64_t large = 2'000'000;
  constexpr std::uint64_t hosts = 1'000;
  constexpr std::uint64_t each = 1'000;
  fetch::host_scheduler queue({.per_host = 1, .ready_hosts = hosts});
  std::string host;
  std::string url;
  std::uint64_t line = 0;
  fetch::host_scheduler::item next;
  fetch::host_scheduler::clock::time_point now{};
  std::deque<std::pair<fetch::host_scheduler::clock::time_point, fetch::host_scheduler::item>> in_flight;
  std::uint64_t ended_of_hosts = 0;
  std::uint64_t disk = 0;
  double busy = 0;
  const auto begin = clock_type::now();
  while (ended_of_hosts < hosts * each) {
    for (; queue.wants_more() && line < large + hosts * each; ++line) {
      host.clear();
      if (line < large)
        host = "large.example";
      else
        fmt::format_to(std::back_inserter(host), "small-{}.example", (line - large) % hosts);
      url.clear();
      fmt::format_to(std::back_inserter(url), "http://{}/page/{}", host, line);
      queue.add(host, url, line);
    }
    while (queue.next(now, next).taken) in_flight.emplace_back(now + 100ms, next);
    disk = std::max(disk, queue.statistics().bytes_on_disk);
    const auto until = in_flight.front().first;
    busy += static_cast<double>(in_flight.size()) * std::chrono::duration<double>(until - now).count();
    now = until;
    for (; !in_flight.empty() && in_flight.front().first <= now; in_flight.pop_front()) {
      if (in_flight.front().second.host != "large.example") ++ended_of_hosts;
      queue.done(in_flight.front().second);
    }
  }
  const double took = std::chrono::duration<double>(now.time_since_epoch()).count();
  fmt::print("{{\"hosts_busy\":{:.1f},\"of\":{},\"peak_bytes\":{},\"disk_bytes\":{},\"seconds\":{:.2f}}}\n",
             busy / took, hosts + 1, peak_bytes(), disk, seconds_since(begin));
  return 0;
}

/// 10 million records done out of a window of 1,000, on a real disk: CPU and bytes of each, and the time to read them
/// back.
int journal_of(const std::string& path) {
  constexpr std::uint64_t records = 10'000'000;
  constexpr std::uint64_t window = 1'000;
  const double from = cpu_seconds();
  {
    const fetch::job_identity identity{{"input", "urls.txt"}};
    fetch::journal done(path, identity, {});
    std::vector<std::uint64_t> open;
    std::uint64_t state = 1;
    std::uint64_t ended = 0;
    for (std::uint64_t next = 0; next < records || !open.empty();) {
      for (; next < records && open.size() < window; ++next) open.push_back(next);
      state = state * 6364136223846793005U + 1442695040888963407U;
      std::swap(open[(state >> 33) % open.size()], open.back());
      done.add(open.back(), {.sink_length = 100 * ++ended});
      open.pop_back();
    }
    done.close();
  }
  const double written = cpu_seconds() - from;
  const auto begin = clock_type::now();
  const auto read = fetch::read_journal(path);
  const double read_s = seconds_since(begin);
  std::remove(path.c_str());
  if (read.done.size() != records || read.torn != 0) return 1;
  fmt::print("{{\"write_ns\":{:.1f},\"bytes\":{:.2f},\"resume_s\":{:.3f},\"done_set_bytes\":{}}}\n",
             written * 1e9 / records, static_cast<double>(read.length) / records, read_s, read.done.memory());
  return 0;
}

/// 100 million URLs, one in ten of them a repeat.
int dedupe() {
  constexpr std::uint64_t urls = 100'000'000;
  const auto begin = clock_type::now();
  fetch::duplicate_finder finder;
  std::string url;
  for (std::uint64_t i = 0; i < urls; ++i) {
    url.clear();
    const std::uint64_t number = i % 10 == 9 ? i - 9 : i;
    fmt::format_to(std::back_inserter(url), "http://www.site-{}.example/page/{}", number % 1'000'003, number);
    finder.add(url);
  }
  const double added = seconds_since(begin);
  const auto repeats = finder.find();
  if (repeats.size() != urls / 10) return 1;
  fmt::print("{{\"seconds\":{:.1f},\"add_seconds\":{:.1f},\"cpu_seconds\":{:.1f},\"peak_bytes\":{}}}\n",
             seconds_since(begin), added, cpu_seconds(), peak_bytes());
  return 0;
}

/// Something like a page: words, tags and numbers, so that it compresses about as well.
std::string page_of(std::size_t size) {
  constexpr std::string_view words[] = {"<div class=", "\"item\">", "href=\"/page/", "the ",
                                        "fetch ",      "</div>\n",  "<p>",           "of "};
  std::string page;
  for (std::uint32_t state = 1; page.size() < size;) {
    state = state * 1'103'515'245 + 12'345;
    page += words[(state >> 16) % std::size(words)];
    if ((state >> 20) % 5 == 0) page += std::to_string(state >> 12);
  }
  page.resize(size);
  return page;
}

/// Exchanges with pages of 1 KiB and of 20 KiB as WARC, a response and a request record each: how many in a second of
/// CPU.
int warc() {
  const fetch::warc_fields headers{
      {"Content-Type", "text/html"}, {"Date", "Sun, 29 Nov 2026 10:00:00 GMT"}, {"Server", "x"}};
  double rates[2] = {};
  for (const std::size_t i : {0U, 1U}) {
    const std::uint64_t count = i == 0 ? 200'000 : 20'000;
    std::string page = page_of(i == 0 ? 1'024 : 20 * 1'024);
    fetch::warc_encoder encoder({});
    std::string text;
    const double from = cpu_seconds();
    for (std::uint64_t n = 0; n < count; ++n) {
      page[n % page.size()] = static_cast<char>('A' + n % 26);
      text.clear();
      encoder.append(text, {.url = "http://www.site.example/page/1234",
                            .date = std::chrono::system_clock::now(),
                            .address = "192.0.2.1",
                            .request_head = "GET /page/1234 HTTP/1.1\r\nHost: www.site.example\r\n\r\n",
                            .headers = &headers,
                            .payload = page});
    }
    rates[i] = static_cast<double>(count) / (cpu_seconds() - from);
  }
  fmt::print("{{\"small_per_s\":{:.0f},\"large_per_s\":{:.0f}}}\n", rates[0], rates[1]);
  return 0;
}

/// Records with a body of 1 KiB each, through a sink and the writer's thread to a file that is whole in the end: how
/// many in a second of CPU, of all threads. The page changes with each, so that no two bodies are the same.
double sink_rate(fetch::sink& into, std::uint64_t count) {
  std::string page = page_of(1'024);
  const double from = cpu_seconds();
  fetch::writer to;
  for (std::uint64_t i = 0; i < count; ++i) {
    page[i % page.size()] = static_cast<char>('A' + i % 26);
    fetch::request asked;
    asked.url = fmt::format("http://www.site-{}.example/page/{}", i % 997, i);
    asked.index = i;
    fetch::record result;
    result.status = 200;
    result.bytes = page.size();
    result.elapsed_ns = 12'345'678;
    result.attempts = 1;
    result.http_version = 11;
    result.body = page;
    fetch::finished each{i, asked, result, true};
    into.take(each, to);
    while (!to.has_room()) std::this_thread::sleep_for(1ms);
  }
  to.finish();
  into.close();
  return static_cast<double>(count) / (cpu_seconds() - from);
}

int sinks() {
  constexpr fetch::json_fields with_body{.headers = false, .body = true};
  double lines = 0;
  {
    fetch::record_lines into("bench.jsonl.zst", {}, with_body);
    lines = sink_rate(into, 200'000);
  }
  double rows = 0;
  {
    fetch::sqlite_output into("bench.sqlite", {.with = with_body});
    rows = sink_rate(into, 200'000);
  }
  double files = 0;
  {
    fetch::body_files into("bench.bodies");
    files = sink_rate(into, 50'000);
  }
  for (const auto* name : {"bench.jsonl.zst", "bench.jsonl.zst.journal", "bench.sqlite", "bench.bodies"})
    std::filesystem::remove_all(name);
  fmt::print("{{\"jsonl_zst_per_s\":{:.0f},\"sqlite_per_s\":{:.0f},\"directory_per_s\":{:.0f}}}\n", lines, rows, files);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view part = argc == 2 ? argv[1] : "";
  if (part == "scheduler") return scheduler(false);
  if (part == "scheduler_shuffled") return scheduler(true);
  if (part == "journal") return journal_of("bench.journal");
  if (part == "warc") return warc();
  if (part == "sinks") return sinks();
  if (part == "dedupe") return dedupe();
  if (part == "sorted_list") return sorted_list();
  fmt::print(stderr, "usage: bench_bulk_parts scheduler|scheduler_shuffled|sorted_list|journal|dedupe|warc|sinks\n");
  return 2;
}
