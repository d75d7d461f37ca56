#include <fanout/compare/compare.hpp>
#include <fanout/compare/workloads.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace fanout {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using namespace std::chrono_literals;

class comparing : public test::leak_checked {};

std::uint64_t itself(int value) {
  return static_cast<std::uint64_t>(value);
}

/// Tasks that return their input at once.
workload trivial() {
  return make_workload(
      "trivial", "returning numbers", [](int value) { return value; }, std::vector<int>{1, 2, 3}, itself);
}

TEST_F(comparing, every_shape_gets_a_row_in_order_relative_to_sync_and_to_the_bound) {
  const auto found = compare(trivial(), {threads(2), sync()});
  EXPECT_EQ(found.name, "trivial");
  EXPECT_EQ(found.tasks, 3U);
  ASSERT_EQ(found.rows.size(), 2U);
  EXPECT_TRUE(found.ok());
  EXPECT_EQ(found.rows[0].shape, threads(2));
  EXPECT_EQ(found.rows[0].cost.tasks, 3U);
  EXPECT_EQ(found.rows[0].cost.threads, 2U);
  EXPECT_EQ(found.rows[1].shape, sync());
  EXPECT_DOUBLE_EQ(found.rows[1].speedup.value(), 1.0);
  for (const auto& row : found.rows) {
    EXPECT_GT(row.speedup.value(), 0);
    EXPECT_GT(row.of_bound.value(), 0);
    EXPECT_LE(row.of_bound.value(), 1);  // or it would be no bound
    EXPECT_NEAR(*row.of_bound * static_cast<double>(row.cost.wall.count()),
                static_cast<double>(found.bound->wall.count()), 1);
  }
}

int twice(const std::string& text) {
  if (text == "bad") throw std::runtime_error("no");
  return static_cast<int>(2 * text.size());
}

TEST_F(comparing, the_callers_own_function_will_do) {
  const std::vector<std::string> inputs{"a", "bc"};
  const auto found = compare(twice, inputs, {sync(), threads(2), async(2)});
  EXPECT_EQ(found.name, "own");
  EXPECT_EQ(found.tasks, 2U);
  EXPECT_TRUE(found.rows[0].ok());
  EXPECT_TRUE(found.rows[1].ok());
  EXPECT_THAT(found.rows[2].failure, HasSubstr("coroutine"));
  const auto failed = compare(twice, std::vector<std::string>{"a", "bad"}, {sync()});
  EXPECT_THAT(failed.rows[0].failure, HasSubstr("1 of 2 tasks failed: task_failed: no"));
  EXPECT_THROW(compare(twice, std::vector<std::string>{}, {sync()}), std::invalid_argument);
}

TEST_F(comparing, a_timeline_is_drawn_by_a_run_of_its_own) {
  std::vector<std::string> runs;
  compare_options how;
  how.timeline = true;
  how.rounds = 1;
  how.settle_within = 0ns;
  how.on_measure = [&](const shape* under) { runs.push_back(under ? to_string(*under) : "alone"); };
  const auto found = compare(workloads::cpu(1000, 4), {sync(), threads(2), processes(2)}, how);
  EXPECT_THAT(runs,
              testing::ElementsAre("alone", "sync", "threads:2", "processes:2", "sync", "threads:2", "processes:2"));
  for (const comparison_row& row : found.rows) {
    SCOPED_TRACE(to_string(row.shape));
    ASSERT_EQ(row.timeline.size(), 4U);
    EXPECT_EQ(row.cost.timeline.size(), 0U);
    for (const task_span& span : row.timeline) {
      EXPECT_GE(span.started, row.timeline_begun);
      EXPECT_FALSE(span.held.empty());
    }
  }
  EXPECT_THAT(compare(trivial(), {sync()}).rows[0].timeline, IsEmpty());
}

TEST_F(comparing, without_sync_there_is_nothing_to_be_faster_than) {
  const auto found = compare(trivial(), {threads(2)});
  EXPECT_EQ(found.rows[0].speedup, std::nullopt);
  EXPECT_TRUE(found.rows[0].of_bound);
}

TEST_F(comparing, a_shape_that_cannot_run_the_work_says_why_and_the_others_count) {
  const auto found = compare(trivial(), {sync(), async(4), processes(2)});
  EXPECT_FALSE(found.ok());
  EXPECT_TRUE(found.rows[0].ok());
  EXPECT_THAT(found.rows[1].failure, HasSubstr("coroutine"));
  EXPECT_THAT(found.rows[2].failure, HasSubstr("fanout::remote"));
  EXPECT_EQ(found.rows[2].cost.failures, 3U);
  EXPECT_EQ(found.rows[2].speedup, std::nullopt);
  EXPECT_EQ(found.rows[2].of_bound, std::nullopt);
  EXPECT_EQ(found.best, 0U);
}

TEST_F(comparing, of_several_rounds_the_median_counts_and_the_shapes_take_turns) {
  std::vector<std::string> runs;
  compare_options how;
  how.rounds = 3;
  how.settle_within = 0ns;
  how.on_measure = [&](const shape* next) { runs.push_back(next ? to_string(*next) : "alone"); };
  const auto work = make_workload(
      "settling", "waiting, longer in the first round",
      [&](int) {
        std::this_thread::sleep_for(runs.size() == 2 || runs.size() == 3 ? 400ms : 1ms);
        return 0;
      },
      std::vector<int>{1}, itself);
  const auto found = compare(work, {sync(), threads(1)}, how);
  EXPECT_THAT(runs, testing::ElementsAre("alone", "sync", "threads:1", "sync", "threads:1", "sync", "threads:1"));
  ASSERT_EQ(found.rows.size(), 2U);
  for (const auto& row : found.rows) {
    EXPECT_LT(row.cost.wall, 400ms);
    ASSERT_EQ(row.walls.size(), 3U);
    EXPECT_GE(row.walls[0], 400ms);
    EXPECT_GE(row.spread * static_cast<double>(row.cost.wall.count()), 1e6);
  }
  EXPECT_GE(found.noise, 0);
}

TEST_F(comparing, a_failure_in_a_later_round_is_not_forgotten) {
  int runs = 0;
  compare_options how;
  how.rounds = 4;
  how.settle_within = 0ns;
  how.on_measure = [&](const shape*) { ++runs; };
  const auto work = make_workload(
      "flaky", "failing in the third round",
      [&](int value) {
        if (runs == 4) throw std::runtime_error("third time unlucky");
        return value;
      },
      std::vector<int>{1}, itself);
  const auto found = compare(work, {sync()}, how);
  EXPECT_THAT(found.rows[0].failure, HasSubstr("third time unlucky"));
  EXPECT_EQ(runs, 4) << "a row that failed is not run again";
}

TEST_F(comparing, failed_tasks_are_counted_and_fail_their_row) {
  const auto work = make_workload(
      "odd", "refusing odd numbers",
      [](int value) {
        if (value == 3) throw error(failure_kind::dns, "three is nowhere");
        return value;
      },
      std::vector<int>{2, 3, 4, 5},
      [](int value) -> std::uint64_t {
        if (value == 5) throw error(failure_kind::status, "five is odd");
        return 0;
      });
  const auto found = compare(work, {sync(), threads(4)});
  for (const auto& row : found.rows) {
    EXPECT_EQ(row.cost.tasks, 4U);
    EXPECT_EQ(row.cost.failures, 2U);
    EXPECT_EQ(row.failure, "2 of 4 tasks failed: dns: three is nowhere");  // the first one of them
  }
  EXPECT_EQ(found.best, std::nullopt);
  EXPECT_THAT(found.why, HasSubstr("three is nowhere"));
}

TEST_F(comparing, work_that_never_succeeds_has_no_kind_and_no_bound) {
  const auto work = make_workload(
      "broken", "failing", [](int) -> int { throw std::runtime_error("not today"); }, std::vector<int>{1}, itself);
  const auto found = compare(work, {sync()});
  EXPECT_EQ(found.rows[0].failure, "1 of 1 tasks failed: task_failed: not today");
  EXPECT_FALSE(found.kind || found.cpu_share || found.bound || found.best);
}

TEST_F(comparing, a_row_that_did_other_work_than_the_first_does_not_count) {
  shape under = sync();
  compare_options how;
  how.on_measure = [&](const shape* next) { under = next ? *next : sync(); };
  const auto work = make_workload(
      "cheating", "skipping work", [&](int value) { return under.model == model::threads && value == 2 ? 0 : value; },
      std::vector<int>{1, 2}, itself);
  const auto found = compare(work, {sync(), threads(2), grid(1, 1, 1)}, how);
  EXPECT_TRUE(found.rows[0].ok());
  EXPECT_THAT(found.rows[1].failure, HasSubstr("results differ"));
  EXPECT_EQ(found.rows[1].cost.failures, 2U);
  EXPECT_TRUE(found.rows[2].ok());
}

TEST_F(comparing, results_that_changed_places_are_other_work) {
  bool first = true;
  const auto work = make_workload(
      "swapping", "swapping results", [&](int value) { return first ? value : 3 - value; }, std::vector<int>{1, 2},
      itself);
  const auto straight = work.run(sync(), 2).checksum;
  first = false;
  EXPECT_NE(work.run(sync(), 2).checksum, straight);
}

TEST_F(comparing, memory_of_one_row_is_not_on_the_account_of_the_next) {
  if (::access("/proc/self/clear_refs", W_OK) != 0) GTEST_SKIP() << "the kernel cannot reset a peak";
  constexpr std::size_t bytes = 64 << 20;
  bool wasteful = false;
  compare_options how;
  how.on_measure = [&](const shape* next) { wasteful = next && next->model == model::sync; };
  const auto work = make_workload(
      "memory", "touching memory",
      [&](int value) {
        if (!wasteful) return value;
        void* const block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) throw std::bad_alloc();
        for (std::size_t at = 0; at < bytes; at += 4096) static_cast<volatile char*>(block)[at] = 1;
        ::munmap(block, bytes);
        return value;
      },
      std::vector<int>{1}, itself);
  const auto found = compare(work, {sync(), threads(1)}, how);
  EXPECT_GT(found.rows[0].cost.peak_rss_bytes, found.rows[1].cost.peak_rss_bytes + bytes / 2);
}

TEST_F(comparing, an_interrupt_ends_it) {
  interrupt stop;
  compare_options how;
  how.interrupt = &stop;
  how.on_measure = [&](const shape* next) {
    if (!next) return;
    stop.raise();
    stop.raise();
  };
  try {
    compare(trivial(), {sync(), threads(2)}, how);
    FAIL() << "it went on";
  } catch (const error& stopped) {
    EXPECT_EQ(stopped.kind(), failure_kind::cancelled);
  }
}

TEST_F(comparing, nothing_to_compare_is_refused) {
  EXPECT_THROW(compare(trivial(), {}), std::invalid_argument);
  EXPECT_THROW(
      compare(make_workload("none", "nothing", itself, std::vector<int>{}, [](std::uint64_t) { return 0U; }), {sync()}),
      std::invalid_argument);
}

// The claims ---------------------------------------------------------------------------------------------------------

bool any_overlap(const std::vector<task_span>& spans) {
  for (std::size_t a = 0; a < spans.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      if (spans[a].started < spans[b].finished && spans[b].started < spans[a].finished) return true;
  return false;
}

std::set<std::uint32_t> lanes_of(const std::vector<task_span>& spans) {
  std::set<std::uint32_t> lanes;
  for (const auto& span : spans) lanes.insert(span.lane);
  return lanes;
}

TEST_F(comparing, computing_tasks_take_turns_on_an_event_loop_and_run_at_once_elsewhere) {
  const auto work = workloads::cpu(workloads::calibrate_cpu(50ms), 8);
  const auto timeline_under = [&](const shape& under) {
    options how(under);
    how.timeline = true;
    const auto done = work.run(how, 8);
    EXPECT_EQ(done.failure, "");
    EXPECT_EQ(done.cost.timeline.size(), 8U);
    return done.cost;
  };
  const report loop = timeline_under(async(8));
  EXPECT_FALSE(any_overlap(loop.timeline));
  EXPECT_EQ(loop.threads, 1U);
  EXPECT_LE(loop.cores_used(), 1.1);
  const report parallel = timeline_under(threads(2));
  EXPECT_TRUE(any_overlap(parallel.timeline));
  EXPECT_EQ(lanes_of(parallel.timeline), (std::set<std::uint32_t>{0, 1}));
  const report apart = timeline_under(processes(2));
  EXPECT_TRUE(any_overlap(apart.timeline));
  EXPECT_EQ(lanes_of(apart.timeline), (std::set<std::uint32_t>{0, 1}));
  EXPECT_EQ(apart.processes, 2U);
  EXPECT_GT(apart.ipc_bytes, 0U);
  EXPECT_GT(apart.ipc_time, 0ns);
  EXPECT_LT(apart.ipc_time, apart.wall);
  EXPECT_EQ(parallel.ipc_time, 0ns);
  // All of them did the work, whoever it was that did it.
  EXPECT_GE(apart.cpu(), loop.cpu() / 2);
  EXPECT_GE(parallel.cpu(), loop.cpu() / 2);
}

// Each waits before it computes, wherever it runs, and its timeline tells the one from the other.
TEST_F(comparing, the_timeline_says_when_a_task_computed_in_worker_processes_too) {
  const auto work = workloads::mixed(40ms, workloads::calibrate_cpu(20ms), 4);
  for (const shape& under : {async(4), processes(2), grid(2, 1, 2), grid(1, 2, 1)}) {
    SCOPED_TRACE(to_string(under));
    options how(under);
    how.timeline = true;
    const auto done = work.run(how, 4);
    EXPECT_EQ(done.failure, "");
    ASSERT_EQ(done.cost.timeline.size(), 4U);
    for (const task_span& span : done.cost.timeline) {
      ASSERT_FALSE(span.held.empty());
      EXPECT_GE(span.held.front().from, span.started);
      EXPECT_LE(span.held.back().to, span.finished);
      EXPECT_GE(span.held.back().from - span.started, 40ms);
      EXPECT_GE(span.held.back().to - span.held.back().from, 5ms);
    }
  }
}

TEST_F(comparing, computing_is_told_from_waiting) {
  const auto computing = compare(workloads::cpu(workloads::calibrate_cpu(30ms), 2), {async(2)});
  EXPECT_EQ(computing.kind, work_kind::cpu_bound);
  EXPECT_THAT(computing.why,
              AllOf(HasSubstr("CPU-bound"), HasSubstr("async:2 did not overlap"), Not(HasSubstr("sync,"))));
  EXPECT_GE(computing.bound->cpu, computing.bound->task_cpu * 2 / computing.bound->cores);
  const auto waiting = make_workload(
      "poll", "waiting for nothing", [](int value) { return ::poll(nullptr, 0, value); }, std::vector<int>{50, 50},
      itself);
  const auto waited = compare(waiting, {threads(2)});
  EXPECT_EQ(waited.kind, work_kind::io_bound);
  EXPECT_GE(waited.bound->wall, 50ms);
  EXPECT_EQ(waited.bound->wall, waited.bound->task);
  EXPECT_THAT(waited.why, HasSubstr("I/O-bound"));
}

TEST_F(comparing, a_page_that_is_not_there_fails_as_often_as_it_is_fetched) {
  const auto found = compare(workloads::io("http://127.0.0.1:1/", 3, 10s), {sync(), async(3)});
  EXPECT_FALSE(found.ok());
  for (const auto& row : found.rows) EXPECT_THAT(row.failure, HasSubstr("3 of 3 tasks failed: connect: "));
}

}  // namespace
}  // namespace fanout
