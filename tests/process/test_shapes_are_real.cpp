// Every shape is what it says it is, observed from outside.

#include <fanout/core/detail/usage.hpp>
#include <fanout/fanout.hpp>

#include "cli/child.hpp"
#include "support/leaks.hpp"
#include "support/sanitized.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <mutex>
#include <ranges>
#include <set>
#include <string>
#include <vector>

namespace real_shapes {

using namespace fanout;
using namespace std::chrono_literals;

std::atomic<int> touched{0};  // in each process its own

/// What a task sees of where it is.
struct place {
  int pid = 0;
  int parent = 0;
  int thread = 0;
  int threads = 0;  ///< of its process
  int touched = 0;  ///< before the task touched it
  template <class Archive>
  void serialize(Archive& archive) {
    archive(pid, parent, thread, threads, touched);
  }
};

place look_around() {
  return {getpid(), getppid(), gettid(), static_cast<int>(test::live_threads()), touched++};
}

place look(int) {
  return look_around();
}
/// Long enough for every lane of a shape to get one.
place look_long(int) {
  std::this_thread::sleep_for(20ms);
  return look_around();
}
task<place> look_async(int) {
  task<void> rest = test::pause(20ms);
  co_await std::move(rest);
  co_return look_around();
}

double compute(int) {
  const auto until = detail::thread_cpu() + 100ms;
  double x = 1;
  while (detail::thread_cpu() < until)
    for (int i = 0; i < 10'000; ++i) x = x * 1.0000001 + 1e-9;
  return x;
}

std::set<int> distinct(const std::vector<place>& all, int place::* member) {
  std::set<int> values;
  for (const place& each : all) values.insert(each.*member);
  return values;
}

class real_shape : public test::leak_checked {
 protected:
  void SetUp() override {
    leak_checked::SetUp();
    touched = 1000;
  }
};

const auto eight = std::views::iota(0, 8);

TEST_F(real_shape, sync_starts_no_thread) {
  const int before = static_cast<int>(test::live_threads());
  for (const place& each : map(fanout::sync(), look, eight)) {
    EXPECT_EQ(each.thread, gettid());
    EXPECT_EQ(each.threads, before);
  }
}

TEST_F(real_shape, async_runs_on_the_calling_thread_and_no_other) {
  const int before = static_cast<int>(test::live_threads());
  const auto started = std::chrono::steady_clock::now();
  for (const place& each : map(async(8), look_async, eight)) {
    EXPECT_EQ(each.thread, gettid());
    EXPECT_EQ(each.threads, before);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - started, 8 * 20ms) << "they did not overlap";
}

TEST_F(real_shape, threads_are_as_many_as_asked_for) {
  std::barrier<> all(5);
  const auto seen = map(
      threads(5),
      [&](int) {
        all.arrive_and_wait();  // each of the five holds a lane
        const place here = look_around();
        all.arrive_and_wait();
        return here;
      },
      std::views::iota(0, 5));
  const auto ids = distinct(seen, &place::thread);
  EXPECT_EQ(ids.size(), 5u);
  EXPECT_TRUE(ids.contains(gettid())) << "the calling thread is one of the lanes";
  EXPECT_EQ(distinct(seen, &place::pid), std::set<int>{getpid()});
}

TEST_F(real_shape, hybrid_is_one_loop_a_core) {
  const auto loops = std::min(8U, available_cores());
  const std::size_t before = test::live_threads();
  std::atomic<std::uint32_t> under_way{0};
  std::size_t threads = 0;
  const auto seen = map(
      hybrid(8),
      [&](int) -> task<place> {
        // Not a capturing coroutine: a function that makes one.
        return [](std::atomic<std::uint32_t>& here, std::size_t& counted) -> task<place> {
          if (++here == 8) counted = test::live_threads();
          while (here < 8) {
            task<void> turn = test::yield();
            co_await std::move(turn);
          }
          co_return look_around();
        }(under_way, threads);
      },
      eight);
  EXPECT_EQ(distinct(seen, &place::thread).size(), loops);
  EXPECT_EQ(threads, before + loops - 1);
}

TEST_F(real_shape, processes_are_this_program_started_again) {
  const auto seen = map(processes(5), remote<look_long>, std::views::iota(0, 5));
  const auto pids = distinct(seen, &place::pid);
  EXPECT_EQ(pids.size(), 5u);
  EXPECT_FALSE(pids.contains(getpid()));
  EXPECT_EQ(distinct(seen, &place::parent), std::set<int>{getpid()});
  EXPECT_EQ(touched, 1000) << "the workers' memory is their own";
  for (const place& each : seen) {
    EXPECT_EQ(each.touched, 0) << "a forked worker would have inherited 1000";
    EXPECT_EQ(each.threads, test::sanitized ? each.threads : 1);  // a sanitizer may have a thread of its own
    EXPECT_EQ(kill(each.pid, 0), -1) << "worker " << each.pid << " is still there";
  }
}

TEST_F(real_shape, a_worker_keeps_its_memory_between_tasks) {
  const auto seen = map(processes(1), remote<look>, eight);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i].touched, static_cast<int>(i));
}

TEST_F(real_shape, a_grid_has_threads_in_each_of_its_processes) {
  const auto seen = map(grid(2, 2, 1), remote<look_long>, eight);
  EXPECT_EQ(distinct(seen, &place::pid).size(), 2u);
  EXPECT_EQ(distinct(seen, &place::thread).size(), 4u);
  const auto loops = map(grid(2, 2, 3), remote<look_async>, std::views::iota(0, 48));
  EXPECT_EQ(distinct(loops, &place::pid).size(), 2u);
  EXPECT_EQ(distinct(loops, &place::thread).size(), 4u);
}

TEST_F(real_shape, what_workers_compute_is_in_the_report) {
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  const report cost = run(processes(2), remote<compute>, std::views::iota(0, 4), [](const outcome<double>& out) {
    EXPECT_GT(out.cpu, 90ms);
    EXPECT_LT(out.cpu, 5s);
  });
  getrusage(RUSAGE_SELF, &after);
  EXPECT_GT(cost.cpu(), 4 * 90ms);
  EXPECT_EQ(cost.processes, 2u);
  EXPECT_EQ(cost.threads, 2u);
  EXPECT_GT(cost.ipc_bytes, 0u);
  EXPECT_GT(cost.cores_used(), 0.0);
  EXPECT_LE(cost.cores_used(), available_cores() * 1.1);
  const auto own = std::chrono::seconds(after.ru_utime.tv_sec - before.ru_utime.tv_sec) +
                   std::chrono::microseconds(after.ru_utime.tv_usec - before.ru_utime.tv_usec);
  EXPECT_LT(own, 4 * 90ms) << "this process computed itself";
}

TEST_F(real_shape, each_lane_has_a_number_of_its_own) {
  std::set<std::uint32_t> lanes;
  std::set<int> threads;
  run(grid(2, 2, 1), remote<look_long>, eight, [&](const outcome<place>& out) {
    lanes.insert(out.lane);
    threads.insert(out.value().thread);
  });
  EXPECT_THAT(lanes, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(threads.size(), 4u);
}

// Helper programs ----------------------------------------------------------------------------------------------------

/// Becomes readable when the process ends, whosever child it is.
class process_watch {
 public:
  explicit process_watch(int pid) : descriptor_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))) {}
  process_watch(const process_watch&) = delete;
  process_watch& operator=(const process_watch&) = delete;
  ~process_watch() { close(descriptor_); }
  bool ends_within(std::chrono::milliseconds limit) const {
    pollfd waited{descriptor_, POLLIN, 0};
    return descriptor_ >= 0 && poll(&waited, 1, static_cast<int>(limit.count())) == 1;
  }

 private:
  int descriptor_;
};

/// What the helper does, and how many workers it has, those of its workers among them.
using family = std::pair<const char*, int>;
class parent_of_workers : public real_shape, public testing::WithParamInterface<family> {};
INSTANTIATE_TEST_SUITE_P(of, parent_of_workers,
                         testing::Values(family{"endless", 3}, family{"endless-pool", 3}, family{"endless-nested", 6},
                                         family{"endless-nested-pool", 6}));

TEST_P(parent_of_workers, takes_them_along_when_it_is_killed) {
  const auto& [what, count] = GetParam();
  cli::testing::child parent(FANOUT_HELPER, {what});
  std::vector<std::unique_ptr<process_watch>> workers;
  for (int i = 0; i < count; ++i) workers.push_back(std::make_unique<process_watch>(std::stoi(parent.read_line())));
  for (const auto& worker : workers) EXPECT_FALSE(worker->ends_within(0ms));
  parent.signal(SIGKILL);
  EXPECT_EQ(parent.wait(), -SIGKILL);
  for (const auto& worker : workers) EXPECT_TRUE(worker->ends_within(30s));
}

// The system forgets then that they are to die with their parent (prctl(2), PR_SET_PDEATHSIG).
TEST_F(real_shape, workers_that_gave_up_their_privileges_die_with_their_parent_too) {
  if (geteuid() != 0) GTEST_SKIP() << "only root has privileges to give up";
  cli::testing::child parent(FANOUT_HELPER, {"endless-unprivileged"});
  std::vector<std::unique_ptr<process_watch>> workers;
  for (int i = 0; i < 3; ++i) {
    const std::string said = parent.read_line();
    if (said == "may not") GTEST_SKIP() << "this root may not change its user";
    workers.push_back(std::make_unique<process_watch>(std::stoi(said)));
  }
  for (const auto& worker : workers) EXPECT_FALSE(worker->ends_within(0ms));
  parent.signal(SIGKILL);
  EXPECT_EQ(parent.wait(), -SIGKILL);
  for (const auto& worker : workers) EXPECT_TRUE(worker->ends_within(30s));
}

TEST_F(real_shape, ctrl_c_does_not_reach_the_workers) {
  cli::testing::child parent(FANOUT_HELPER, {"interrupted"});
  std::vector<int> workers;
  for (int i = 0; i < 3; ++i) workers.push_back(std::stoi(parent.read_line()));
  const int group = getpgid(workers.front());
  ASSERT_NE(group, getpgid(0));
  ASSERT_EQ(kill(-group, SIGINT), 0);
  for (const int worker : workers) kill(worker, SIGUSR1);
  EXPECT_EQ(parent.read_line(), "3 done");
  EXPECT_EQ(parent.wait(), 0);
}

TEST_F(real_shape, ctrl_c_does_not_reach_workers_that_are_just_starting) {
  cli::testing::child parent(FANOUT_HELPER, {"interrupted-early"});
  std::vector<int> workers;
  for (int i = 0; i < 3; ++i) {
    const std::string pid = parent.read_line();
    ASSERT_FALSE(pid.empty()) << "no worker survived its start";
    workers.push_back(std::stoi(pid));
  }
  for (const int worker : workers) kill(worker, SIGUSR1);
  EXPECT_EQ(parent.read_line(), "3 done");
  EXPECT_EQ(parent.wait(), 0);
}

TEST_F(real_shape, a_worker_that_hangs_at_its_exit_is_killed) {
  cli::testing::child parent(FANOUT_HELPER, {"hang-at-exit"});
  EXPECT_EQ(parent.read_line(), "3 done");
  EXPECT_EQ(parent.wait(), 0);
}

TEST_F(real_shape, a_program_without_init_is_told_so) {
  cli::testing::child program(FANOUT_HELPER, {"without-init"});
  EXPECT_THAT(program.read_line(), testing::HasSubstr("fanout::init"));
  EXPECT_EQ(program.wait(), 0);
}

TEST_F(real_shape, too_few_descriptors_are_a_clear_error_and_leak_nothing) {
  for (const char* const what : {"descriptors-processes", "descriptors-pool", "descriptors-hybrid"}) {
    cli::testing::child program(FANOUT_HELPER, {what});
    int refused = 0;
    std::string said;
    while ((said = program.read_line()) != "succeeded") {
      ASSERT_THAT(said, testing::HasSubstr("Too many open files")) << what;
      ++refused;
    }
    EXPECT_GT(refused, 1);
    EXPECT_EQ(program.rest_of_output(), "") << what;
    EXPECT_EQ(program.wait(), 0);
  }
}

}  // namespace real_shapes
