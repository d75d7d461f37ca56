// What the system refuses: at the start of a run, and in the middle of one. Nothing is lost, nothing hangs, nothing is
// left behind, and when the system has it again, so have we.

#include <fanout/fanout.hpp>

#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/sanitized.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace refusals {

using namespace fanout;
using namespace std::chrono_literals;
using test::failing_call;
using test::system_call;
using testing::HasSubstr;

struct refusal {
  const char* name;
  system_call call;
  int error;
};
void PrintTo(const refusal& of, std::ostream* out) {
  *out << of.name;
}

class refused : public test::leak_checked, public testing::WithParamInterface<refusal> {
 protected:
  void SetUp() override {
    test::leak_checked::SetUp();
    if (GetParam().call == system_call::map_shared && test::sanitized)
      GTEST_SKIP() << "a sanitizer has its own mmap, which has to know of all memory";
  }
  std::string reason() const { return std::strerror(GetParam().error); }
};

// Each thing that a worker's start takes, and what it fails with where there is none left: descriptors of this process
// or of the machine, memory, room for a memory file, processes.
INSTANTIATE_TEST_SUITE_P(is, refused,
                         testing::Values(refusal{"memfd_create_EMFILE", system_call::memfd_create, EMFILE},
                                         refusal{"memfd_create_ENOMEM", system_call::memfd_create, ENOMEM},
                                         refusal{"ftruncate_ENOSPC", system_call::ftruncate, ENOSPC},
                                         refusal{"mmap_ENOMEM", system_call::map_shared, ENOMEM},
                                         refusal{"socketpair_ENFILE", system_call::socketpair, ENFILE},
                                         refusal{"posix_spawn_EAGAIN", system_call::posix_spawn, EAGAIN},
                                         refusal{"posix_spawn_ENOMEM", system_call::posix_spawn, ENOMEM},
                                         refusal{"posix_spawn_ENOENT", system_call::posix_spawn, ENOENT}),
                         [](const auto& each) { return each.param.name; });

int identity(int x) {
  return x;
}
int seven_dies(int x) {
  if (x == 7) kill(getpid(), SIGKILL);
  return x;
}
int dies(int) {
  kill(getpid(), SIGKILL);
  return 0;
}
/// Ends only when two are under way at the same time.
int meet(const std::string& page) {
  test::shared_page<1> there(page);
  ++there[0];
  while (there[0] < 2) std::this_thread::yield();
  return 1;
}
int seven_dies_once(const std::string& page, int x) {
  if (x == 7 && test::shared_page<1>(page)[0]++ == 0) kill(getpid(), SIGKILL);
  return x;
}

options collecting(const shape& ran) {
  options how(ran);
  how.on_error = on_error::collect;
  return how;
}

TEST_P(refused, at_the_start_is_a_clear_error) {
  {
    const failing_call fails(GetParam().call, GetParam().error);
    try {
      map(processes(2), remote<identity>, std::views::iota(0, 10));
      FAIL() << "nothing was thrown";
    } catch (const std::system_error& thrown) {
      EXPECT_THAT(thrown.what(), HasSubstr(reason()));
    }
    EXPECT_GT(fails.refused(), 0);
  }
  EXPECT_EQ(map(processes(2), remote<identity>, std::views::iota(0, 10)).size(), 10u);
}

TEST_P(refused, in_the_middle_of_a_run_leaves_the_work_to_the_workers_there_are) {
  const failing_call fails(GetParam().call, GetParam().error, 2);
  std::map<std::uint64_t, bool> outcomes;
  // There is something to do until another worker was to be started for it.
  auto inputs = std::views::iota(0) | std::views::take_while([&](int x) { return x < 40 || fails.refused() == 0; });
  const report cost = run(collecting(processes(2)), remote<seven_dies>, inputs,
                          [&](const outcome<int>& out) { EXPECT_TRUE(outcomes.emplace(out.index, out.ok()).second); });
  EXPECT_GE(outcomes.size(), 40u);
  EXPECT_EQ(outcomes.rbegin()->first, outcomes.size() - 1);
  EXPECT_FALSE(outcomes.at(7));
  EXPECT_EQ(cost.restarts, 1u);
  EXPECT_EQ(cost.failures, static_cast<std::uint64_t>(std::ranges::count(outcomes | std::views::values, false)));
}

// The one that is to be tried again has a worker to itself, and there is one, although no other can be started.
TEST_P(refused, in_the_middle_of_a_run_does_not_keep_a_task_from_being_tried_again) {
  test::shared_page<1> deaths;
  const failing_call fails(GetParam().call, GetParam().error, 2);
  options how(processes(2));
  how.workers.retries = 1;
  EXPECT_EQ(map(how, remote<seven_dies_once>.with(deaths.path()), std::vector{7, 1}), (std::vector{7, 1}));
  EXPECT_EQ(deaths[0], 2);
}

TEST_P(refused, when_no_worker_is_left_ends_the_run_with_the_reason) {
  const failing_call fails(GetParam().call, GetParam().error, 2);
  std::map<std::uint64_t, int> outcomes;
  try {
    run(collecting(processes(2)), remote<dies>, std::views::iota(0, 40),
        [&](const outcome<int>& out) { ++outcomes[out.index]; });
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr(reason()));
  }
  for (const auto& [index, count] : outcomes) EXPECT_EQ(count, 1) << index;
}

TEST_P(refused, a_pool_says_so_to_each_caller_and_works_again_when_it_can) {
  process_pool pool({.processes = 1});
  EXPECT_EQ(pool.submit(remote<identity>, 1).get(), 1);
  {
    const failing_call fails(GetParam().call, GetParam().error);
    EXPECT_THROW(pool.submit(remote<dies>, 1).get(), error);
    std::vector<process_future<int>> calls;
    for (int x = 0; x < 5; ++x) calls.push_back(pool.submit(remote<identity>, x));
    for (const auto& each : calls) {
      try {
        each.get();
        ADD_FAILURE() << "it was made";
      } catch (const error& thrown) {
        EXPECT_EQ(thrown.kind(), failure_kind::cannot_start);
        EXPECT_THAT(thrown.what(), HasSubstr(reason()));
      }
    }
  }
  EXPECT_EQ(pool.submit(remote<identity>, 2).get(), 2);
}

TEST_P(refused, for_a_while_costs_a_pool_its_worker_for_that_while) {
  process_pool pool({.processes = 2, .task_timeout = 20s});
  test::shared_page<1> first;
  const auto one = pool.submit(remote<meet>, first.path());
  const auto other = pool.submit(remote<meet>, first.path());
  EXPECT_EQ(one.get() + other.get(), 2) << "both workers run";
  test::shared_page<1> second;
  std::optional<failing_call> fails(std::in_place, GetParam().call, GetParam().error);
  EXPECT_THROW(pool.submit(remote<dies>, 1).get(), error);
  const auto waiting = pool.submit(remote<meet>, second.path());
  const auto late = pool.submit(remote<meet>, second.path());
  while (fails->refused() == 0) std::this_thread::yield();
  EXPECT_FALSE(waiting.ready());
  fails.reset();
  EXPECT_EQ(waiting.get() + late.get(), 2);
  EXPECT_EQ(pool.report().restarts, 1u);
}

TEST_P(refused, a_single_call_says_so) {
  const failing_call fails(GetParam().call, GetParam().error);
  try {
    test::run_to_end(to_process(remote<identity>, 1));
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr(reason()));
  }
}

// The directory that workers are started in
// ----------------------------------------------------------------------------------------------------------------

class worker_directory : public test::leak_checked {};

TEST_F(worker_directory, may_be_removed_while_its_workers_run) {
  const std::string place = std::filesystem::temp_directory_path() / ("fanout-" + std::to_string(getpid()));
  std::filesystem::create_directory(place);
  process_pool pool({.processes = 1, .workers = {.directory = place}});
  EXPECT_EQ(pool.submit(remote<identity>, 1).get(), 1);
  std::filesystem::remove(place);
  EXPECT_EQ(pool.submit(remote<identity>, 2).get(), 2);
  EXPECT_THROW(pool.submit(remote<dies>, 1).get(), error);
  try {
    pool.submit(remote<identity>, 3).get();
    FAIL() << "nothing was thrown";
  } catch (const error& thrown) {
    EXPECT_THAT(thrown.what(), testing::AllOf(HasSubstr(place), HasSubstr("No such file or directory")));
  }
}

// Children that somebody else reaps
// ----------------------------------------------------------------------------------------------------------------

/// As in a program that was started so, or does not want zombies: the system reaps its children at once.
class reaped_elsewhere : public test::leak_checked {
 protected:
  reaped_elsewhere() { std::signal(SIGCHLD, SIG_IGN); }
  ~reaped_elsewhere() override { std::signal(SIGCHLD, SIG_DFL); }
};

TEST_F(reaped_elsewhere, workers_end_and_are_replaced_all_the_same) {
  std::map<std::uint64_t, std::string> outcomes;
  const report cost =
      run(collecting(processes(2)), remote<seven_dies>, std::views::iota(0, 40), [&](const outcome<int>& out) {
        EXPECT_TRUE(outcomes.emplace(out.index, out.ok() ? "" : out.error().message).second);
      });
  EXPECT_EQ(outcomes.size(), 40u);
  EXPECT_THAT(outcomes.at(7), HasSubstr("how is not known"));
  EXPECT_EQ(cost.restarts, 1u);
}

TEST_F(reaped_elsewhere, pools_and_single_calls_end_as_well) {
  {
    process_pool pool({.processes = 1});
    EXPECT_THROW(pool.submit(remote<dies>, 1).get(), error);
    EXPECT_EQ(pool.submit(remote<identity>, 1).get(), 1);
  }
  EXPECT_EQ(test::run_to_end(to_process(remote<identity>, 1)), 1);
  try {
    test::run_to_end(to_process(remote<dies>, 1));
    FAIL() << "nothing was thrown";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::worker_died);
    EXPECT_THAT(thrown.what(), HasSubstr("how is not known"));
  }
}

}  // namespace refusals
