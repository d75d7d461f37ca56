// fanout fetch, the main job, under every shape: a list of URLs comes back whole, byte for byte; its threads and
// processes, seen from outside; and what Ctrl-C does to them.

#include <fanout/core/shape.hpp>
#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/leaks.hpp"
#include "support/nginx.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <thread>

namespace {

using namespace fanout::cli::testing;
using fanout_test::nginx;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

constexpr int urls_in_list = 1000;

std::size_t size_of(int index) {
  if (index % 250 == 100) return 1 << 20;
  if (index % 10 == 9) return 64 << 10;
  constexpr std::size_t sizes[] = {0, 1, 17, 4 << 10, 4097};
  return sizes[index % 5];
}

class fetch_list : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    files_ = std::make_unique<temporary_directory>();
    std::mt19937_64 generator(1);
    std::string list;
    for (int i = 0; i < urls_in_list; ++i) {
      std::string bytes(size_of(i), '\0');
      for (char& each : bytes) each = static_cast<char>(generator());
      files_->write(std::to_string(i), bytes);
    }
    server_ = std::make_unique<nginx>(files_->path());
    for (int i = 0; i < urls_in_list; ++i) list += server_->url("/" + std::to_string(i)) + "\n";
    files_->write("list", list);
  }
  static void TearDownTestSuite() {
    server_.reset();
    files_.reset();
  }

  static std::unique_ptr<temporary_directory> files_;
  static std::unique_ptr<nginx> server_;
};

std::unique_ptr<temporary_directory> fetch_list::files_;
std::unique_ptr<nginx> fetch_list::server_;

TEST_P(fetch_list, a_thousand_urls_come_back_whole) {
  const temporary_directory here;
  const std::string bodies = here / "bodies/";
  const ended result = fetch({"-i", *files_ / "list", "-o", bodies, "-s", GetParam(), "--summary", here / "summary"});
  EXPECT_EQ(result.status, 0) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("1000 fetched, 0 failed"));
  const auto all = records(result.output);
  ASSERT_EQ(all.size(), std::size_t{urls_in_list});
  std::uint64_t bytes = 0;
  for (const auto& [index, record] : all) {
    const int number = static_cast<int>(index);
    ASSERT_LT(number, urls_in_list);
    EXPECT_EQ(text_of(record, "url"), server_->url("/" + std::to_string(number)));
    EXPECT_EQ(number_of(record, "status"), 200u);
    EXPECT_EQ(number_of(record, "bytes"), size_of(number));
    EXPECT_EQ(number_of(record, "attempts"), 1u);
    EXPECT_TRUE(record.at("error").is_null());
    EXPECT_TRUE(read_file(bodies + text_of(record, "file")) == read_file(*files_ / std::to_string(number))) << number;
    bytes += size_of(number);
  }
  EXPECT_EQ(records(read_file(bodies + "records.jsonl")).size(), std::size_t{urls_in_list});
  EXPECT_EQ(fanout::test::count_entries(bodies.c_str()), std::size_t{urls_in_list} + 3);  // and the journal and the log
  const json::object summary = json::parse(read_file(here / "summary")).as_object();
  EXPECT_EQ(number_of(summary, "tasks"), std::uint64_t{urls_in_list});
  EXPECT_EQ(number_of(summary, "bytes"), bytes);
}

INSTANTIATE_TEST_SUITE_P(shapes, fetch_list,
                         ::testing::Values("sync", "threads:8", "async:64", "processes:3", "hybrid:16", "2x2x4",
                                           "auto"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

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

// A thread of its own looks on, unless nobody wants to know.
TEST_P(fetch_process, has_the_threads_and_processes_of_its_shape) {
  child fetching(tool, {"fetch", "--progress", "none", "-s", GetParam().name});
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
