#include <fanout/fanout.hpp>
#include <fanout/mpi/session.hpp>

#include "mpi/this_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mpi_tests {

using namespace fanout;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

/// Each rank is a process of its own.
int process_of_it(int) {
  std::this_thread::sleep_for(2ms);  // the work
  return ::getpid();
}

int twice(int x) {
  return 2 * x;
}

std::string same(const std::string& text) {
  return text;
}

int seventh_kills_its_worker(int x) {
  if (x == 7) std::raise(SIGKILL);
  return x;
}

TEST(mpi_session, all_machines_of_a_shape_run_tasks_and_rank_0_none) {
  ASSERT_EQ(job->node_count(), 3u);
  EXPECT_EQ(job->rank(), 0);
  for (const auto& [text, count] :
       {std::pair{"mpi:3x1x2x1", 3u}, std::pair{"2x1x2x1", 2u}, std::pair{"mpi:threads:2", 3u},
        std::pair{"mpi:1x1x1x1", 1u}, std::pair{"mpi:1x1x1", 3u}}) {
    nodes machines = job->machines(text);
    EXPECT_EQ(machines.alive(), count) << text;
    const auto processes = map(machines.with(), remote<process_of_it>, std::views::iota(0, 60));
    const std::set<int> different(processes.begin(), processes.end());
    EXPECT_EQ(different.size(), count) << text;
    EXPECT_EQ(different.count(::getpid()), 0u) << text;
  }
}

TEST(mpi_session, a_shape_is_a_value_too) {
  nodes machines = job->machines(parse_shape("2x1x1x1"));
  EXPECT_EQ(machines.alive(), 2u);
  EXPECT_EQ(map(machines.with(), remote<twice>, std::vector{1, 2, 3}), (std::vector{2, 4, 6}));
}

TEST(mpi_session, what_names_no_machines_is_refused) {
  for (const char* text : {"threads:4", "2x2x2", "mpi:", "mpi:4x", "mpix", "mpi:0x1x1x1", "mpi:auto"})
    EXPECT_THROW(job->machines(text), std::invalid_argument) << text;
  try {
    job->machines("mpi:4x1x1x1");
    FAIL() << "there are three nodes";
  } catch (const std::invalid_argument& why) {
    EXPECT_THAT(why.what(), HasSubstr("3 nodes"));
  }
  EXPECT_THROW(job->serve(), std::logic_error);
}

TEST(mpi_session, a_million_tasks_have_one_outcome_each) {
  nodes machines = job->machines("mpi:threads:2");
  std::vector<bool> seen(1'000'000, false);
  run(machines.with(), remote<twice>, std::views::iota(0, 1'000'000), [&](outcome<int> out) {
    ASSERT_EQ(out.value(), 2 * static_cast<int>(out.index));
    ASSERT_FALSE(seen[out.index]);
    seen[out.index] = true;
  });
  EXPECT_THAT(seen, testing::Each(true));
}

TEST(mpi_session, large_values_travel) {
  nodes machines = job->machines("mpi:threads:2");
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < 20; ++i) texts.emplace_back(i * 500'000, static_cast<char>('a' + i));
  EXPECT_EQ(map(machines.with(), remote<same>, texts), texts);
}

TEST(mpi_session, a_worker_that_dies_under_a_node_is_an_outcome) {
  nodes machines = job->machines("mpi:processes:2");
  options how = machines.with();
  how.on_error = on_error::collect;
  const auto outcomes = map_outcomes(how, remote<seventh_kills_its_worker>, std::views::iota(0, 20));
  for (const auto& out : outcomes) {
    ASSERT_EQ(out.ok(), out.index != 7) << out.index;
    if (!out.ok()) {
      EXPECT_EQ(out.error().kind, failure_kind::worker_died);
    }
  }
  EXPECT_EQ(machines.alive(), 3u);
}

}  // namespace mpi_tests
