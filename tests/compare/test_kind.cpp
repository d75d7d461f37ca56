#include "compare/verdict/kind.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fanout::detail {
namespace {

using ::testing::HasSubstr;

/// What rows are made of: seconds of one task, and how many there are. Rows follow from it by arithmetic.
struct work {
  const char* name;
  work_kind kind;
  double waits = 0;
  double computes = 0;
  std::uint64_t tasks = 5;
  std::uint32_t cores = 2;
  double locked = 0;        ///< share of the computing that needs the lock
  double memory_price = 1;  ///< CPU time beside others, over alone
  double full_cores = 1;    ///< what any computing costs beside others
  double startup = 0.01;    ///< CPU of each worker process
  double noise = 0.01;
  bool in_workers = true;  ///< whether there is a row in worker processes
};

lane_evidence row_of(const work& of, std::string name, bool workers, std::uint32_t lanes) {
  const double usable = std::min<double>(lanes, static_cast<double>(of.tasks));
  const double busy = std::min<double>(usable, of.cores);
  const double computing = of.computes * static_cast<double>(of.tasks);
  const double price = busy > 1 && (workers || of.locked < 0.99) ? of.memory_price * of.full_cores : 1;
  const double rounds = std::ceil(static_cast<double>(of.tasks) / usable);
  double wall = std::max(rounds * of.waits + computing * price / busy, of.waits + of.computes);
  if (!workers && of.locked > 0) wall = std::max(wall, computing * of.locked);
  return {std::move(name), workers, lanes, wall, computing * price + (workers ? of.startup * lanes : 0), wall};
}

work_evidence evidence_of(const work& of) {
  work_evidence known;
  known.tasks = of.tasks;
  known.cores = of.cores;
  known.task = of.waits + of.computes;
  known.cpu_share = of.computes / known.task;
  known.wall_one_by_one = known.task * static_cast<double>(of.tasks);
  known.cpu_one_by_one = of.computes * static_cast<double>(of.tasks);
  known.noise = of.noise;
  known.full_cores = of.full_cores;
  known.rows.push_back({"sync", false, 1, known.wall_one_by_one, known.cpu_one_by_one, known.wall_one_by_one});
  known.rows.push_back(row_of(of, "threads:5", false, 5));
  known.rows.push_back(row_of(of, "hybrid:5", false, std::min(of.cores, 5U)));
  if (of.in_workers) known.rows.push_back(row_of(of, "processes:5", true, 5));
  return known;
}

class kinds : public testing::TestWithParam<work> {};

TEST_P(kinds, are_told_apart) {
  const kind_finding found = find_kind(evidence_of(GetParam()));
  EXPECT_EQ(to_string(found.kind), to_string(GetParam().kind)) << found.figure;
  EXPECT_NE(found.figure, "");
}

constexpr auto io = work_kind::io_bound;
constexpr auto cpu = work_kind::cpu_bound;
constexpr auto both = work_kind::mixed;
constexpr auto lock = work_kind::lock_bound;
constexpr auto memory = work_kind::memory_bound;

INSTANTIATE_TEST_SUITE_P(
    table, kinds,
    testing::Values(
        work{.name = "slow_pages", .kind = io, .waits = 0.4, .computes = 0.001},
        work{.name = "quick_pages", .kind = io, .waits = 0.002, .computes = 0.0002, .tasks = 500},
        work{.name = "one_page", .kind = io, .waits = 0.4, .computes = 0.001, .tasks = 1},
        work{.name = "pages_that_are_parsed", .kind = io, .waits = 0.1, .computes = 0.02},
        work{.name = "pages_without_workers", .kind = io, .waits = 0.4, .computes = 0.01, .in_workers = false},
        work{.name = "pages_on_a_noisy_machine", .kind = io, .waits = 0.4, .computes = 0.01, .noise = 0.2},
        work{.name = "primes", .kind = cpu, .computes = 0.3},
        work{.name = "many_short_primes", .kind = cpu, .computes = 0.001, .tasks = 2000},
        work{.name = "one_prime", .kind = cpu, .computes = 0.3, .tasks = 1},
        work{.name = "primes_on_one_core", .kind = cpu, .computes = 0.3, .cores = 1},
        work{.name = "primes_on_64_cores", .kind = cpu, .computes = 0.3, .tasks = 200, .cores = 64},
        work{.name = "primes_on_threads_of_one_core", .kind = cpu, .computes = 0.3, .full_cores = 1.6},
        work{.name = "primes_on_a_noisy_machine", .kind = cpu, .computes = 0.3, .memory_price = 1.25, .noise = 0.1},
        work{.name = "primes_with_dear_workers", .kind = cpu, .computes = 0.01, .startup = 0.1},
        work{.name = "primes_that_wait_a_little", .kind = cpu, .waits = 0.05, .computes = 0.3},
        work{.name = "half_and_half", .kind = both, .waits = 0.2, .computes = 0.2},
        work{.name = "two_thirds_computing", .kind = both, .waits = 0.1, .computes = 0.2, .tasks = 20},
        work{.name = "one_third_computing", .kind = both, .waits = 0.2, .computes = 0.1, .tasks = 20},
        work{.name = "everything_under_a_lock", .kind = lock, .computes = 0.3, .locked = 1},
        work{.name = "short_tasks_under_a_lock", .kind = lock, .computes = 0.002, .tasks = 500, .locked = 1},
        work{.name = "nearly_everything_under_a_lock", .kind = lock, .computes = 0.3, .locked = 0.9},
        work{.name = "a_lock_that_no_worker_shows", .kind = lock, .computes = 0.3, .locked = 1, .in_workers = false},
        work{.name = "a_lock_on_16_cores", .kind = lock, .computes = 0.3, .tasks = 32, .cores = 16, .locked = 1},
        work{.name = "half_under_a_lock_fits_two_cores", .kind = cpu, .computes = 0.3, .tasks = 20, .locked = 0.5},
        work{.name = "copies", .kind = memory, .computes = 0.3, .memory_price = 1.7},
        work{.name = "copies_that_two_cores_make_nearly_twice_as_fast",
             .kind = cpu,
             .computes = 0.3,
             .memory_price = 1.15},
        work{.name = "copies_on_threads_of_one_core",
             .kind = memory,
             .computes = 0.3,
             .memory_price = 1.6,
             .full_cores = 1.3},
        work{.name = "copies_on_8_cores",
             .kind = memory,
             .computes = 0.3,
             .tasks = 40,
             .cores = 8,
             .memory_price = 3.0}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(kind, cores_that_others_hold_are_not_taken_for_a_lock) {
  work_evidence busy = evidence_of({.name = "", .kind = cpu, .computes = 0.3, .in_workers = false});
  for (auto& row : busy.rows) row.wall = row.quickest = busy.wall_one_by_one;
  EXPECT_EQ(find_kind(busy).kind, lock) << "if they were free";
  busy.given_cores = 1.05;
  EXPECT_EQ(find_kind(busy).kind, cpu);
}

// Without worker processes to compare with: the server may take one at a time.
TEST(kind, waits_for_one_who_serves_in_turn_are_not_taken_for_a_lock) {
  work_evidence served = evidence_of({.name = "", .kind = both, .waits = 0.2, .computes = 0.3, .in_workers = false});
  for (auto& row : served.rows) row.wall = served.wall_one_by_one;
  EXPECT_EQ(find_kind(served).kind, both);
  served.rows.push_back(
      {"processes:5", true, 5, served.wall_one_by_one, served.cpu_one_by_one, served.wall_one_by_one});
  EXPECT_EQ(find_kind(served).kind, both) << "they wait for it, too";
}

// They held them only while the machine was looked at: worker processes had both.
TEST(kind, cores_that_a_row_had_were_free) {
  work_evidence was_busy = evidence_of({.name = "", .kind = lock, .computes = 0.3, .locked = 1});
  was_busy.given_cores = 1.3;
  EXPECT_EQ(find_kind(was_busy).kind, lock);
}

// A row that others slowed looks like one whose tasks wait for a lock, or for memory.
TEST(kind, of_a_disturbed_measurement_only_what_a_task_does_alone_counts) {
  for (const auto of : {lock, memory}) {
    work_evidence known = evidence_of({.name = "",
                                       .kind = of,
                                       .computes = 0.3,
                                       .locked = of == lock ? 1.0 : 0.0,
                                       .memory_price = of == memory ? 1.7 : 1.0});
    EXPECT_EQ(find_kind(known).kind, of);
    known.disturbed = true;
    EXPECT_EQ(find_kind(known).kind, cpu);
  }
}

TEST(kind, says_the_figure_that_shows_it) {
  EXPECT_THAT(find_kind(evidence_of({.name = "", .kind = lock, .computes = 0.3, .locked = 1})).figure,
              testing::AllOf(HasSubstr("took 1.00 times as long as one task after another"),
                             HasSubstr("kept 1.00 of 2 cores busy"), HasSubstr("processes:5")));
  EXPECT_THAT(find_kind(evidence_of({.name = "", .kind = memory, .computes = 0.3, .memory_price = 1.7})).figure,
              HasSubstr("needed 1.70 times the CPU time"));
  EXPECT_THAT(find_kind(evidence_of({.name = "", .kind = cpu, .computes = 0.3, .memory_price = 1.15})).figure,
              testing::AllOf(HasSubstr("computes for 100.0 % of its time"), HasSubstr("needed 1.15 times the CPU time"),
                             HasSubstr("above 1.21")));
  EXPECT_THAT(find_kind(evidence_of({.name = "", .kind = io, .waits = 0.4, .computes = 0.1})).figure,
              HasSubstr("computes for 20.0 % of its time"));
}

TEST(kind, what_one_run_could_do_no_lock_forbids) {
  work_evidence known =
      evidence_of({.name = "lock", .kind = work_kind::lock_bound, .computes = 0.1, .tasks = 8, .locked = 1});
  EXPECT_EQ(find_kind(known).kind, work_kind::lock_bound);
  for (auto& row : known.rows)
    if (!row.workers) row.quickest /= 1.9;  // the others fell into a bad moment of the machine
  EXPECT_EQ(find_kind(known).kind, work_kind::cpu_bound);
}

}  // namespace
}  // namespace fanout::detail
