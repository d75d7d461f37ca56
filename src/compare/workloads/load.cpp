#include "compare/workloads/load.hpp"

#include <fanout/base/detail/file_text.hpp>
#include <fanout/core/shape.hpp>

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>

namespace fanout::detail {
namespace {

constexpr std::chrono::milliseconds rest{20};
constexpr std::chrono::milliseconds between_samples{4};

bool may_run_on(std::uint32_t core) {
  cpu_set_t all;
  CPU_ZERO(&all);
  if (::sched_getaffinity(0, sizeof all, &all) != 0) return true;
  return core < CPU_SETSIZE && CPU_ISSET(core, &all);
}

std::string text_of(const std::string& path) {
  return fanout::detail::file_text(path).value_or("");
}

/// Takes the next number off `line`; negative where there is none.
std::int64_t take_number(std::string_view& line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  std::int64_t value = -1;
  const auto [end, failed] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (failed != std::errc{}) return -1;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  return value;
}

/// user nice system idle iowait irq softirq steal: all but the two that idle.
std::int64_t busy_ticks(std::string_view fields) {
  std::int64_t busy = 0;
  for (int field = 0; field < 8; ++field) {
    const std::int64_t ticks = take_number(fields);
    if (ticks < 0) break;
    if (field != 3 && field != 4) busy += ticks;
  }
  return busy;
}

}  // namespace

std::chrono::nanoseconds busy_time(std::string_view stat, bool (*is_ours)(std::uint32_t core)) {
  const std::int64_t a_second = std::max(::sysconf(_SC_CLK_TCK), 1L);
  std::int64_t ticks = -1;
  while (stat.starts_with("cpu")) {
    const auto end = std::min(stat.find('\n'), stat.size());
    std::string_view line = stat.substr(3, end - 3);
    stat.remove_prefix(std::min(end + 1, stat.size()));
    if (line.starts_with(' ')) continue;  // all cores together
    const std::int64_t core = take_number(line);
    if (core < 0 || !is_ours(static_cast<std::uint32_t>(core))) continue;
    ticks = std::max<std::int64_t>(ticks, 0) + busy_ticks(line);
  }
  if (ticks < 0) return std::chrono::nanoseconds(-1);
  return std::chrono::nanoseconds(std::chrono::seconds(1)) * ticks / a_second;
}

std::chrono::nanoseconds busy_now() {
  return busy_time(text_of("/proc/stat"), may_run_on);
}

void load_meter::sample() {
  const auto begun = std::chrono::steady_clock::now();
  const auto before = busy_now();
  ::poll(nullptr, 0, static_cast<int>(rest.count()));
  const auto after = busy_now();
  if (before.count() < 0 || after.count() < 0) return;
  busy_ += std::max(after - before, std::chrono::nanoseconds(0));
  time_ += std::chrono::steady_clock::now() - begun;
}

double load_meter::cores() const {
  if (time_.count() == 0) return 0;
  // Busy time is counted in ticks, so a sample can have one too many.
  const double busy = static_cast<double>(busy_.count()) / static_cast<double>(time_.count());
  return std::min<double>(busy, available_cores());
}

ready_meter::ready_meter(whose threads) : whose_(threads) {
  look();
  first_look_ = false;
  looking_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any ended;
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, stop, between_samples, [&] { return stop.stop_requested(); })) look();
  });
}

ready_meter::~ready_meter() = default;

std::chrono::nanoseconds ready_meter::stop() {
  looking_ = {};  // stops it and waits for its end
  if (!known_) return std::chrono::nanoseconds(-1);
  look();
  std::chrono::nanoseconds sum{0};
  for (const auto& [id, of] : threads_) sum += std::chrono::nanoseconds(of.last - of.first);
  return sum;
}

void ready_meter::look() {
  if (whose_ == whose::process_and_children) look_at(::getpid());
  // Children are listed by the thread that started them.
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    const std::string children = text_of(thread.path() / "children");
    std::string_view rest_of = children;
    for (std::int64_t id = take_number(rest_of); id > 0; id = take_number(rest_of)) look_at(static_cast<int>(id));
  }
}

void ready_meter::look_at(int process) {
  std::error_code gone;
  const std::filesystem::path tasks = "/proc/" + std::to_string(process) + "/task";
  auto each = std::filesystem::directory_iterator(tasks, gone);
  const int own_thread = ::gettid();
  for (; !gone && each != std::filesystem::directory_iterator(); each.increment(gone)) {
    const int id = std::atoi(each->path().filename().c_str());
    if (!first_look_ && id == own_thread) continue;
    const std::string text = text_of(each->path() / "schedstat");
    std::string_view numbers = text;
    const std::int64_t running = take_number(numbers);
    const std::int64_t ready = take_number(numbers);
    if (running >= 0 && ready >= 0) {
      known_ = true;
      const auto [at, is_new] = threads_.try_emplace(id);
      if (is_new && first_look_) at->second.first = ready;  // of one that starts later, all counts
      at->second.last = ready;
    }
  }
}

}  // namespace fanout::detail
