// Every kind of work, quiet and next to other programs: no verdict may name a shape that is slower on a quiet machine.

#include "compare/machine_model.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace fanout {
namespace {

using test::doing;
using test::paper_machine;
using test::paper_task;
using test::phase;

struct known_work {
  const char* name;
  work_kind kind;
  std::vector<paper_task> tasks;
  paper_machine machine = {};
  std::vector<std::string> shapes = {"sync",        "threads:2",   "threads:5", "async:5",
                                     "processes:2", "processes:5", "hybrid:5"};
};

std::vector<paper_task> times(std::size_t count, std::vector<phase> phases) {
  return std::vector<paper_task>(count, paper_task{std::move(phases)});
}

std::vector<paper_task> waiting(std::size_t count, double waits, double computes) {
  return times(count, {{doing::waits, waits}, {doing::computes, computes}});
}

std::vector<paper_task> computing(std::size_t count, double each) {
  return times(count, {{doing::computes, each}});
}

std::vector<paper_task> locking(std::size_t count, double each, double share) {
  return times(count, {{doing::computes, each * (1 - share) + 1e-9}, {doing::holds, each * share}});
}

/// Task i of `count` computes `least` plus i steps.
std::vector<paper_task> uneven(std::size_t count, double least, double step, doing what) {
  std::vector<paper_task> all;
  for (std::size_t i = 0; i < count; ++i)
    all.push_back({{{what, least + step * static_cast<double>(i * 7 % count)}, {doing::computes, 0.0005}}});
  return all;
}

std::vector<paper_task> both(std::vector<paper_task> some, const std::vector<paper_task>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

constexpr auto io = work_kind::io_bound;
constexpr auto cpu = work_kind::cpu_bound;
constexpr auto mixed = work_kind::mixed;
constexpr auto lock = work_kind::lock_bound;
constexpr auto memory = work_kind::memory_bound;

const std::vector<std::string> many{"sync",      "threads:5",   "async:5",  "async:64",
                                    "async:256", "processes:5", "hybrid:64"};
const std::vector<std::string> wide{"sync", "threads:8", "threads:32", "async:32", "processes:8", "hybrid:32"};
const std::vector<std::string> narrow{"sync", "threads:5", "async:5", "processes:5", "hybrid:5"};

std::vector<known_work> all_works() {
  return {
      // Known for long:
      {"slow_pages", io, waiting(5, 0.4, 0.001)},
      {"quick_pages", io, waiting(500, 0.002, 0.0001)},
      {"one_page", io, waiting(1, 0.4, 0.001)},
      {"pages_that_are_parsed", io, waiting(5, 0.1, 0.02)},
      {"two_hundred_pages", io, waiting(200, 0.07, 0.0002), {}, many},
      {"pages_in_the_usual_shapes", io, waiting(20, 0.1, 0.001), {}, narrow},
      {"primes", cpu, computing(6, 0.3)},
      {"five_primes", cpu, computing(5, 0.3)},
      {"primes_in_the_usual_shapes", cpu, computing(5, 0.3), {}, narrow},
      {"many_short_primes", cpu, computing(400, 0.001)},
      {"one_prime", cpu, computing(1, 0.3)},
      {"primes_on_one_core", cpu, computing(6, 0.3), {.cores = 1}},
      {"primes_on_eight_cores", cpu, computing(32, 0.3), {.cores = 8}, wide},
      {"primes_with_dear_workers", cpu, computing(6, 0.02), {.worker_start = 0.1}},
      {"primes_that_wait_a_little", cpu, waiting(6, 0.05, 0.3)},
      {"half_and_half", mixed, waiting(6, 0.2, 0.2)},
      {"two_thirds_computing", mixed, waiting(20, 0.1, 0.2)},
      {"one_third_computing", mixed, waiting(20, 0.2, 0.1)},
      {"everything_under_a_lock", lock, locking(6, 0.3, 1)},
      {"short_tasks_under_a_lock", lock, locking(100, 0.002, 1)},
      {"nearly_everything_under_a_lock", lock, locking(6, 0.3, 0.9)},
      {"a_lock_on_eight_cores", lock, locking(32, 0.1, 1), {.cores = 8}, wide},
      {"copies", memory, times(6, {{doing::copies, 0.3}})},
      {"copies_on_eight_cores", memory, times(32, {{doing::copies, 0.1}}), {.cores = 8, .memory_width = 2.5}, wide},
      // New:
      {"uneven_waits", io, uneven(20, 0.02, 0.02, doing::waits)},
      {"uneven_computing", cpu, uneven(20, 0.05, 0.01, doing::computes)},
      {"one_long_task_among_short_ones", cpu, both(computing(8, 0.05), computing(1, 1.0))},
      {"bursts_of_pages", io, both(waiting(30, 0.01, 0.0005), waiting(3, 0.5, 0.0005))},
      {"few_hosts_that_serve_two_at_a_time",
       io,
       times(40, {{doing::served, 0.05}, {doing::computes, 0.0005}}),
       {.served_at_once = 2},
       many},
      {"many_hosts", io, waiting(300, 0.12, 0.0001), {}, many},
      {"a_server_that_serves_in_turn",
       io,
       times(12, {{doing::served, 0.05}, {doing::computes, 0.0005}}),
       {.served_at_once = 1}},
      {"a_server_that_queues_beyond_fifty",
       io,
       times(200, {{doing::served, 0.07}, {doing::computes, 0.0001}}),
       {.served_at_once = 50},
       many},
      {"more_tasks_than_cores", cpu, computing(41, 0.05)},
      {"one_task_that_does_both", mixed, waiting(1, 0.2, 0.2)},
      {"a_thousand_tiny_ones", cpu, computing(1000, 0.00005)},
      {"a_thousand_tiny_waits", io, waiting(1000, 0.001, 0.00005), {}, many},
      {"memory_with_some_computing", memory, times(6, {{doing::copies, 0.25}, {doing::computes, 0.02}})},
      {"a_lock_held_half_the_time", cpu, locking(20, 0.1, 0.5)},
      {"a_lock_after_a_wait", io, times(10, {{doing::waits, 0.2}, {doing::holds, 0.01}})},
      {"a_wait_after_much_computing", cpu, times(6, {{doing::computes, 0.4}, {doing::waits, 0.03}})},
  };
}

struct surroundings {
  const char* name;
  double hogs = 0;
  double memory_hogs = 0;
  double jitter = 0.02;
};

const std::vector<surroundings> all_surroundings{
    {"quiet"}, {"a_hog_on_one_core", 1, 0, 0.05}, {"hogs_on_both", 2, 0, 0.05}, {"a_memory_hog", 1, 1, 0.05}};

struct cell {
  known_work work;
  surroundings around;
};

std::vector<cell> all_cells() {
  std::vector<cell> cells;
  for (const auto& work : all_works())
    for (const auto& around : all_surroundings) cells.push_back({work, around});
  return cells;
}

void PrintTo(const cell& of, std::ostream* to) {
  *to << of.work.name << " " << of.around.name;
}

std::vector<shape> shapes_of(const known_work& work) {
  std::vector<shape> shapes;
  for (const auto& name : work.shapes) shapes.push_back(parse_shape(name));
  return shapes;
}

class verdict_matrix : public testing::TestWithParam<cell> {};

TEST_P(verdict_matrix, never_names_a_shape_that_is_slower_on_a_quiet_machine) {
  constexpr double hardly = 1.10;
  const auto& [work, around] = GetParam();
  const auto shapes = shapes_of(work);
  double least = 1e9;
  std::vector<double> truth;
  for (const shape& each : shapes) {
    truth.push_back(run_on_paper(work.machine, work.tasks, each).wall);
    least = std::min(least, truth.back());
  }
  int named = 0;
  constexpr std::uint32_t seeds = 12;
  for (std::uint32_t seed = 1; seed <= seeds; ++seed) {
    paper_machine machine = work.machine;
    machine.hogs = around.hogs;
    machine.memory_hogs = around.memory_hogs;
    machine.jitter = around.jitter;
    const comparison found = compare_on_paper(machine, work.tasks, shapes, seed);
    EXPECT_NE(found.best.has_value(), !found.doubt.empty()) << found.why;
    if (around.hogs == 0) {
      EXPECT_TRUE(found.best) << found.why;
      EXPECT_EQ(to_string(found.kind.value()), to_string(work.kind)) << found.why;
    }
    if (found.best) {
      ++named;
      EXPECT_LE(truth[*found.best], least * hardly) << found.why;
      // What is called a tie is one.
      for (const std::size_t tie : found.ties) EXPECT_LE(truth[tie], least * 1.35) << found.why;
    }
    for (const auto& row : found.rows) EXPECT_LE(row.of_bound.value(), 1 + 1e-6) << to_string(row.shape);
  }
  // Other programs take cores and not time: work that waits is judged all the same while one core is free.
  const auto quickest = static_cast<std::size_t>(std::ranges::min_element(truth) - truth.begin());
  const auto alone = run_on_paper(work.machine, work.tasks, shapes[quickest]);
  // That a server is the limit, and not the cores, cannot be told next to programs that have all of them.
  const bool may_wait_for_cores = around.hogs >= work.machine.cores && work.machine.served_at_once > 0;
  if (work.kind == io && !may_wait_for_cores &&
      alone.cpu / alone.wall < (around.hogs < work.machine.cores ? 0.6 : 0.2)) {
    EXPECT_EQ(named, seeds);
  }
}

INSTANTIATE_TEST_SUITE_P(cells, verdict_matrix, testing::ValuesIn(all_cells()), [](const auto& each) {
  return std::string(each.param.work.name) + "__" + each.param.around.name;
});

TEST(verdict_matrix, has_every_cell) {
  EXPECT_EQ(all_works().size(), 40U);
  EXPECT_EQ(all_cells().size(), 160U);
}

}  // namespace
}  // namespace fanout
