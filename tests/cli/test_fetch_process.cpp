// fanout fetch seen from outside: its threads and processes, and what Ctrl-C does to them.

#include <fanout/core/shape.hpp>
#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace fanout::cli::testing;
using ::testing::HasSubstr;

struct seen_shape {
  const char* name;
  std::size_t in_flight;
  std::size_t threads;   ///< of the process that was started
  std::size_t children;  ///< of it
};

void PrintTo(const seen_shape& shape, std::ostream* out) {
  *out << shape.name;
}

class fetch_process : public ::testing::TestWithParam<seen_shape> {
 protected:
  void wait_for_waiting(std::size_t count) {
    while (origin_.statistics().requests_waiting != count) std::this_thread::yield();
  }
  /// Gives it `count` URLs, and returns once all of them are under way.
  void start_waiting(child& fetching, const std::string& path, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) fetching.write_input(origin_.url(path) + "\n");
    wait_for_waiting(count);
  }

  fanout::origin::background origin_;
};

TEST_P(fetch_process, has_the_threads_and_processes_of_its_shape) {
  child fetching(tool, {"fetch", "-s", GetParam().name});
  start_waiting(fetching, "/never", GetParam().in_flight);
  EXPECT_GE(threads_of(fetching.pid()), GetParam().threads);
  EXPECT_LE(threads_of(fetching.pid()), GetParam().threads + fanout::test::sanitizer_threads);
  EXPECT_EQ(children_of(fetching.pid()).size(), GetParam().children);
}

TEST_P(fetch_process, the_first_signal_drains_and_the_second_aborts) {
  for (const int number : {SIGINT, SIGTERM}) {
    child fetching(tool, {"fetch", "-s", GetParam().name});
    fetching.write_input(origin_.url("/bytes/5") + "\n");
    EXPECT_EQ(kind_of(records_in_order(fetching.read_line() + "\n").at(0)), "");
    start_waiting(fetching, "/never", GetParam().in_flight);
    const auto workers = children_of(fetching.pid());
    EXPECT_EQ(workers.size(), GetParam().children);

    fetching.signal(number);
    EXPECT_EQ(fetching.read_error_line(), "");
    EXPECT_THAT(fetching.read_error_line(), HasSubstr("finishing what is under way; Ctrl-C again"));
    fetching.signal(number);
    const auto rest = records(fetching.rest_of_output());
    EXPECT_EQ(rest.size(), GetParam().in_flight);
    for (const auto& [index, record] : rest) EXPECT_EQ(kind_of(record), "cancelled");
    EXPECT_THAT(fetching.rest_of_errors(), HasSubstr("1 fetched"));
    EXPECT_EQ(fetching.wait(), 130);
    for (const pid_t worker : workers) EXPECT_FALSE(exists(worker));
    wait_for_waiting(0);
  }
}

TEST_P(fetch_process, what_is_under_way_finishes_after_the_first_signal) {
  child fetching(tool, {"fetch", "-s", GetParam().name});
  start_waiting(fetching, "/delay/300", GetParam().in_flight);
  fetching.signal(SIGINT);
  fetching.read_error_line();
  EXPECT_THAT(fetching.read_error_line(), HasSubstr("finishing"));
  fetching.write_input(origin_.url("/bytes/5") + "\n");  // too late
  const auto all = records(fetching.rest_of_output());
  EXPECT_EQ(all.size(), GetParam().in_flight);
  for (const auto& [index, record] : all) EXPECT_EQ(kind_of(record), "") << message_of(record);
  EXPECT_EQ(fetching.wait(), 130);
  EXPECT_EQ(origin_.statistics().requests, GetParam().in_flight);
}

TEST_P(fetch_process, a_signal_while_it_waits_for_input_ends_it) {
  child fetching(tool, {"fetch", "-s", GetParam().name});
  fetching.write_input(origin_.url("/bytes/5") + "\n");
  fetching.read_line();
  fetching.signal(SIGINT);
  EXPECT_EQ(fetching.rest_of_output(), "");
  EXPECT_EQ(fetching.wait(), 130);
}

const std::size_t loops = std::min(fanout::available_cores(), 4u);

// What was fetched by then is not the whole list, so it replaces nothing; where nothing was, it is kept under its name.
TEST_P(fetch_process, a_list_that_is_interrupted_leaves_the_file_that_was_there) {
  const fanout_test::temporary_directory directory;
  for (const bool there : {true, false}) {
    const std::string file = there ? directory.write("there", "before") : directory / "new";
    child fetching(tool, {"fetch", "-q", "-s", GetParam().name, "-o", file});
    fetching.write_input(origin_.url("/bytes/5") + "\n");  // and standard input stays open
    while (origin_.statistics().requests == (there ? 0u : 1u)) std::this_thread::yield();
    fetching.signal(SIGINT);
    EXPECT_EQ(fetching.wait(), 130);
    EXPECT_EQ(fanout_test::read_file(there ? file + ".part" : file).find("{\"index\":0"), 0u);
    if (there) {
      EXPECT_EQ(fanout_test::read_file(file), "before");
      EXPECT_THAT(fetching.rest_of_errors(), HasSubstr(file + " stays as it was"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, fetch_process,
                         ::testing::Values(seen_shape{"sync", 1, 1, 0}, seen_shape{"async:8", 8, 1, 0},
                                           seen_shape{"threads:4", 4, 4, 0}, seen_shape{"processes:3", 3, 1, 3},
                                           seen_shape{"hybrid:4", 4, loops, 0}, seen_shape{"2x2x2", 8, 1, 2}),
                         [](const auto& shape) {
                           std::string name = shape.param.name;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

}  // namespace
