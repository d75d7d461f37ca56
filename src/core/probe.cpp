#include "core/probe.hpp"

#include <fmt/format.h>

#include <time.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace fanout::detail {
namespace {

std::chrono::nanoseconds read_clock(clockid_t which) {
  timespec used{};
  clock_gettime(which, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

/// How long threads were ready to run and had no core: those of this process, or the calling one, as `which` counts.
/// Zero where the kernel keeps no such figure (schedstat of proc(5): running, ready, number of slices).
std::chrono::nanoseconds time_without_core(clockid_t which) {
  const auto ready_time = [](const std::string& path) {
    std::ifstream file(path);
    std::int64_t running = 0;
    std::int64_t ready = 0;
    file >> running >> ready;
    return std::chrono::nanoseconds(file ? ready : 0);
  };
  if (which == CLOCK_THREAD_CPUTIME_ID) return ready_time("/proc/thread-self/schedstat");
  std::chrono::nanoseconds sum{0};
  std::error_code failed;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", failed))
    sum += ready_time(thread.path().string() + "/schedstat");
  return sum;
}

}  // namespace

probe::meter::meter(clockid_t of)
    : clock_(of), started_(clock::now()), cpu_(read_clock(of)), without_core_(time_without_core(of)) {}

std::chrono::nanoseconds probe::meter::computed() const {
  return read_clock(clock_) - cpu_;
}

std::chrono::nanoseconds probe::meter::had(std::uint32_t lanes) const {
  return std::max(wall() * lanes - (time_without_core(clock_) - without_core_), computed());
}

double probe::meter::share(std::uint32_t lanes) const {
  const std::chrono::duration<double> cpu = computed();
  return std::clamp(cpu / std::chrono::duration<double>(had(lanes)), 0.0, 1.0);
}

double probe::meter::wanted_cores() const {
  const std::chrono::duration<double> cpu = computed();
  const std::chrono::duration<double> lost = time_without_core(clock_) - without_core_;
  return (cpu + lost) / std::chrono::duration<double>(wall());
}

// One loop is judged by its own thread, which is also the one that asks; several blocking lanes by the whole process.
probe::probe(probed_lanes& lanes, const fanout::shape& asked, bool coroutine)
    : lanes_(lanes),
      at_most_(asked.tasks),
      coroutine_(coroutine),
      first_lanes_(coroutine ? 1 : available_cores()),
      first_period_(coroutine ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID) {
  if (at_most_) first_lanes_ = std::min(first_lanes_, at_most_);
  choice_ = fmt::format("the run ended before its first {} ms had shown what its tasks do", probe_period.count());
}

fanout::shape probe::first_shape() const {
  return coroutine_ ? async(at_most_ ? at_most_ : default_in_flight) : threads(first_lanes_);
}

// Coroutines --------------------------------------------------------------------------------------------------------

void probe::watch(asio::io_context& loop) {
  timer_.emplace(loop);
  look_after(probe_period);
}

void probe::look_after(std::chrono::nanoseconds time) {
  timer_->expires_after(time);
  timer_->async_wait([this](boost::system::error_code cancelled) {
    if (cancelled) return;
    if (!loops_) {
      if (stage_.load() == stage::first) decide_loops();
      return;
    }
    look_at_loops();
    if (measuring()) look_after(probe_period / 4);
  });
}

void probe::unwatch() {
  timer_.reset();
}

void probe::ended_one(clock::time_point finished) {
  if (stage_.load(std::memory_order_relaxed) != stage::first || !timer_) return;
  if (first_period_.since(finished) >= probe_period) decide_loops();
}

// Where every task waits first, the loop has nothing to compute for a while: so what waits is looked at twice.
void probe::decide_loops() {
  const double share = first_period_.share(1);
  const char* const which = looked_again_ ? "second" : "first";
  seen_ =
      fmt::format("in its {} {} ms each lane computed {:.0f} % of the time", which, probe_period.count(), share * 100);
  const bool bottleneck = nearly_always(share);
  if (!bottleneck) choice_ = fmt::format("{}: one loop is enough", seen_);
  if (!bottleneck && !std::exchange(looked_again_, true)) {
    first_period_ = meter(CLOCK_THREAD_CPUTIME_ID);
    return look_after(probe_period);
  }
  stage_.store(stage::done);
  timer_->cancel();
  if (!bottleneck) return;
  if (available_cores() < 2) {
    choice_ = fmt::format("{}: there is one core for one loop", seen_);
    return;
  }
  const fanout::shape target = hybrid(at_most_ ? at_most_ : default_in_flight * available_cores());
  choice_ = fmt::format("{}: one loop is the bottleneck, so every core got one", seen_);
  lanes_.shrink_first(target.slots(0), [this, target] {
    lanes_.grow(target);
    if (timer_ && target.threads > 1 && lanes_.work().cost_of_serialization().possible) measure_loops(target.threads);
  });
}

void probe::measure_loops(std::uint32_t loops) {
  loop_count_ = loops;
  marked_ns_ = std::vector<std::atomic<std::int64_t>>(loops);
  loops_.emplace(CLOCK_PROCESS_CPUTIME_ID);
  measuring_.store(true, std::memory_order_release);
  look_after(probe_period);
}

// Relaxed: figures of their own, read together but not as one; a task more or less does not matter.
void probe::saw(std::uint32_t lane_number, std::chrono::nanoseconds elapsed, bool held) {
  tasks_.fetch_add(1, std::memory_order_relaxed);
  if (held) {
    held_ns_.fetch_add(elapsed.count(), std::memory_order_relaxed);
    marked(lane_number);  // what it holds from here on
  }
  // Relaxed: a lane that sees an older value looks under the mutex, and finds that it is too early.
  if (loops_->wall() >= next_look_.load(std::memory_order_relaxed)) look_at_loops();
}

void probe::marked(std::uint32_t lane_number) noexcept {
  marked_ns_[lane_number].store(clock::now().time_since_epoch().count(), std::memory_order_relaxed);
}
void probe::turned(std::uint32_t lane_number) noexcept {
  marked_ns_[lane_number].store(0, std::memory_order_relaxed);
}

/// By tasks that have not ended: what the others held was added as they ended.
std::chrono::nanoseconds probe::held_so_far() const {
  const std::int64_t now = clock::now().time_since_epoch().count();
  std::int64_t sum = 0;
  for (const auto& marked : marked_ns_)
    if (const std::int64_t since = marked.load(std::memory_order_relaxed); since > 0)
      sum += std::max<std::int64_t>(now - since, 0);
  return std::chrono::nanoseconds(sum);
}

loops_seen probe::see_loops() const {
  return {.loops = loop_count_,
          .tasks = tasks_.load(std::memory_order_relaxed),
          .wall = loops_->wall(),
          .had = loops_->had(loop_count_),
          .computed = loops_->computed(),
          .held = std::chrono::nanoseconds(held_ns_.load(std::memory_order_relaxed)) + held_so_far()};
}

void probe::look_at_loops() {
  const std::lock_guard lock(mutex_);
  if (!measuring() || loops_->wall() < next_look_.load(std::memory_order_relaxed)) return;
  next_look_.store(loops_->wall() + probe_period / 4, std::memory_order_relaxed);
  const loops_seen all = see_loops();
  const loops_seen loops = all.since(looked_from_);
  // Nothing is left to go on elsewhere; and a loop that has ended took along how long it was without a core.
  const bool over = !lanes_.control().pulling();
  const loops_judged judged = judge(loops);
  if (judged == loops_judged::clouded) looked_from_ = all;
  if ((judged == loops_judged::unclear || judged == loops_judged::clouded) && !over) return;
  measuring_.store(false, std::memory_order_release);
  if (judged != loops_judged::by_turns || over) return;
  leave_for_processes(fmt::format("{}; on {} loops tasks held them for {:.0f} % of the time and computed for {:.0f} %",
                                  seen_, loop_count_, loops.holding() * 100, loops.computing() * 100),
                      loops.wall / std::max<std::uint64_t>(loops.tasks, 1));
}

// Blocking tasks ----------------------------------------------------------------------------------------------------

void probe::look(std::uint32_t lane_number) {
  switch (stage_.load()) {
    case stage::first:
      if (first_period_.wall() >= probe_period) decide_threads();
      break;
    case stage::gathering:
    case stage::alone:
      go_on_alone(lane_number);
      break;
    case stage::done:
      break;
  }
  if (lane_number != 0 && stage_.load() == stage::gathering) go_on_alone(lane_number);
}

void probe::decide_threads() {
  const std::lock_guard lock(mutex_);
  if (stage_.load() != stage::first) return;
  const threads_seen threads{.lanes = first_lanes_,
                             .computing = first_period_.share(first_lanes_),
                             .wanted_cores = first_period_.wanted_cores()};
  seen_ = fmt::format("in its first {} ms each lane computed {:.0f} % of the time", probe_period.count(),
                      threads.computing * 100);
  patience_ = std::max<std::chrono::nanoseconds>(first_period_.wall(), longest_probe);
  switch (judge(threads)) {
    case threads_judged::compute:
      choice_ = fmt::format("{}: the tasks compute, so one thread a core", seen_);
      stage_.store(stage::done);
      break;
    case threads_judged::perhaps_by_turns:
      stage_.store(stage::gathering);
      break;
    case threads_judged::wait:
      add_threads();
      break;
  }
}

/// With mutex_ held.
void probe::add_threads() {
  stage_.store(stage::done);
  choice_ = fmt::format("{}: the tasks wait, so more threads than cores", seen_);
  lanes_.grow(threads(at_most_ ? at_most_ : std::max(default_threads, first_lanes_)));
}

// All lanes but the first pause here, between two tasks. The first begins to measure when the others are here, and ends
// it after a task or more. A lane that waits for the source, or for the end of a long task, may not come for long: then
// a lane that has waited for too long ends the probe.
void probe::go_on_alone(std::uint32_t lane_number) {
  constexpr std::chrono::milliseconds look_again{5};
  std::unique_lock lock(mutex_);
  if (lane_number != 0) {
    ++paused_;
    const auto until = clock::now() + patience_;
    while (stage_.load() != stage::done && lanes_.control().pulling()) {
      resumed_.wait_for(lock, look_again);
      if (stage_.load() != stage::done && clock::now() > until) add_threads();
    }
    --paused_;
    return;
  }
  if (stage_.load() == stage::gathering) {
    if (paused_ + 1 == first_lanes_) {
      alone_.emplace(CLOCK_THREAD_CPUTIME_ID);
      stage_.store(stage::alone);
    }
  } else if (stage_.load() == stage::alone) {
    ++alone_tasks_;
    if (alone_->wall() >= probe_period / 4) decide_alone();
  }
  if (stage_.load() == stage::done) resumed_.notify_all();
}

/// With mutex_ held.
void probe::decide_alone() {
  const double share = alone_->share(1);
  if (!nearly_always(share)) return add_threads();
  stage_.store(stage::done);
  const std::string seen = fmt::format("{}, and {:.0f} % with one lane alone", seen_, share * 100);
  choice_ = fmt::format("{}: the tasks wait for each other, which more threads would not change", seen);
  leave_for_processes(seen, alone_->wall() / alone_tasks_);
}

/// With mutex_ held.
void probe::leave_for_processes(std::string_view seen, std::chrono::nanoseconds task) {
  const serialization_cost travel = lanes_.work().cost_of_serialization();
  if (!travel.possible) return;
  const auto price = fmt::format("a task's {} bytes take {:.3f} ms to encode", travel.bytes,
                                 std::chrono::duration<double, std::milli>(travel.each).count());
  if (!worth_serializing(travel.each, task)) {
    choice_ = fmt::format("{}: the tasks wait for each other, but {}, too long to send them elsewhere", seen, price);
    return;
  }
  const std::uint32_t cores = at_most_ ? std::min(at_most_, available_cores()) : available_cores();
  choice_ =
      fmt::format("{}: something they share lets one through at a time, so one worker process a core; {}", seen, price);
  lanes_.leave(processes(cores));
}

}  // namespace fanout::detail
