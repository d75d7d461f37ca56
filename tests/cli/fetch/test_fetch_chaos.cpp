// A whole job against servers that do everything wrong, and on a machine that does.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <utility>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// A URL, and how its request has to end; empty: well.
using expectation = std::pair<std::string, std::string>;

class fetch_chaos : public ::testing::Test {
 protected:
  /// Every fault several times among pages that come, in an order that is another one each time.
  std::vector<expectation> faults() {
    std::vector<expectation> all;
    const auto add = [&](int times, const std::string& path, const std::string& kind) {
      for (int i = 0; i < times; ++i) all.emplace_back(path.starts_with('/') ? origin_.url(path) : path, kind);
    };
    for (int i = 0; i < 60; ++i) add(1, "/bytes/" + std::to_string(i * 37), "");
    add(8, "/close/500", "");
    add(8, "/reset", "protocol");
    add(8, "/reset?after=500&bytes=1000", "protocol");
    add(8, "/truncate?bytes=100&length=200", "protocol");
    add(8, "/truncate?bytes=0&length=1", "protocol");
    add(8, "/garbage", "protocol");
    add(3, "/never", "timeout");
    add(3, "/drip?bytes=1000&ms=50", "timeout");
    add(20, "/status/429", "status");
    add(8, "/status/503", "status");
    add(4, "/bytes/70000", "too_large");
    add(4, "/chunked/70000", "too_large");
    add(4, "/redirect/11", "refused_by_policy");
    add(4, "http://nobody.invalid/", "dns");
    add(4, "http://127.0.0.1:1/", "connect");
    add(4, "no url", "invalid_request");
    std::shuffle(all.begin(), all.end(), generator_);
    return all;
  }
  std::string list_of(const std::vector<expectation>& all) {
    std::string text;
    for (const auto& [url, kind] : all) text += url + "\n";
    return directory_.write("list", text);
  }
  void expect_kinds(const std::string& records_text, const std::vector<expectation>& all) {
    const auto found = records(records_text);
    EXPECT_EQ(found.size(), all.size());
    for (const auto& [index, record] : found) {
      const auto& [url, kind] = all.at(index);
      EXPECT_EQ(text_of(record, "url"), url);
      EXPECT_EQ(kind_of(record), kind) << url << ": " << message_of(record);
    }
  }

  std::mt19937 generator_{std::random_device{}()};
  fanout::origin::background origin_;
  fanout_test::temporary_directory directory_;
};

// 64 descriptors are fewer than the requests that are asked for.
TEST_F(fetch_chaos, every_url_has_its_kind_with_few_descriptors) {
  const auto all = faults();
  const std::string list = list_of(all);
  for (const char* shape : {"async:100", "hybrid:100", "2x1x50"}) {
    const std::string path = directory_ / (std::string(shape) + ".jsonl");
    child run("/bin/sh", {"-c", "ulimit -n 64; exec \"$@\"", "sh", tool, "fetch", "-i", list, "-o", path, "-s", shape,
                          "--timeout", "1500ms", "--max-bytes", "64KiB", "--summary", directory_ / "summary"});
    const std::string errors = run.rest_of_errors();
    EXPECT_EQ(run.wait(), 1) << errors;
    EXPECT_THAT(errors, HasSubstr("that is what the limit of 64 open files allows"));
    expect_kinds(read_file(path), all);
    const auto summary = json::parse(read_file(directory_ / "summary")).as_object();
    for (const auto& [kind, count] : summary.at("failures").as_object())
      EXPECT_EQ(count.to_number<std::int64_t>(),
                std::count_if(all.begin(), all.end(),
                              [&k = kind](const auto& each) { return each.second == std::string_view(k); }))
          << shape << " " << std::string_view(kind);
    const auto checked = job({"verify", path});
    EXPECT_EQ(checked.status, 0) << checked.errors;
    EXPECT_THAT(job({"show", path}).output, AllOf(HasSubstr("166 done of 166, 98 failed"), HasSubstr("timeout 6")));
  }
}

TEST_F(fetch_chaos, an_output_that_is_removed_ends_the_run_and_the_next_one_makes_it_anew) {
  const std::string list = directory_.write("list", origin_.url("/bytes/5") + "\n" + origin_.url("/delay/300") + "\n");
  const std::string path = directory_ / "pages.jsonl";
  const std::vector<std::string> arguments{"fetch", "-q", "-i", list, "-o", path, "-s", "async:4"};
  child run(tool, arguments);
  while (!fs::exists(path + ".part")) std::this_thread::yield();
  fs::remove(path + ".part");
  EXPECT_THAT(run.rest_of_errors(), HasSubstr("pages.jsonl.part: No such file or directory"));
  EXPECT_EQ(run.wait(), 3);
  child again(tool, arguments);
  EXPECT_EQ(again.rest_of_errors(), "");
  EXPECT_EQ(again.wait(), 0);
  EXPECT_EQ(records(read_file(path)).size(), 2U);
}

TEST_F(fetch_chaos, a_list_that_grows_is_read_to_its_end) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += origin_.url("/bytes/5") + "\n";
  const std::string list = directory_.write("list", text + origin_.url("/delay/300") + "\n");
  const std::string path = directory_ / "pages.jsonl";
  child run(tool, {"fetch", "-q", "-i", list, "-o", path, "-s", "sync"});
  while (!fs::exists(path + ".part")) std::this_thread::yield();
  std::ofstream(list, std::ios::app) << origin_.url("/bytes/7") << "\n";
  EXPECT_THAT(run.rest_of_errors(), HasSubstr("has changed while it was read"));
  EXPECT_EQ(run.wait(), 0);
  const auto found = records(read_file(path)).size();
  EXPECT_TRUE(found == 21 || found == 22) << found << ": the end may have been read before";
}

// Its last lines are gone, and nobody knows what they were: that is no success.
TEST_F(fetch_chaos, a_list_that_is_cut_short_is_an_error) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += origin_.url("/delay/5") + "\n";
  const std::string list = directory_.write("list", text);
  const std::string path = directory_ / "pages.jsonl";
  child run(tool, {"fetch", "-q", "-i", list, "-o", path, "-s", "sync"});
  while (!fs::exists(path + ".part")) std::this_thread::yield();
  fs::resize_file(list, text.size() / 2 + 3);
  EXPECT_THAT(run.rest_of_errors(), HasSubstr("has changed while it was read"));
  EXPECT_EQ(run.wait(), 2);
  EXPECT_LE(records(read_file(path)).size(), 60U);
}

// Limits, pauses and durations are by the monotonic clock, so only dates in records show it.
TEST_F(fetch_chaos, a_clock_that_is_set_back_again_and_again_changes_nothing) {
  if (fanout::test::sanitized) GTEST_SKIP() << "a sanitizer puts itself between the program and the clock";
  const auto all = faults();
  const std::string list = list_of(all);
  const std::string preload = "LD_PRELOAD=" FANOUT_CLOCK_SET_BACK;
  {
    child looks("/usr/bin/env", {preload, "python3", "-c",
                                 "import time; first = time.time(); later = [time.time() for _ in range(60)]; "
                                 "print(round(first - later[-1]) >= 3599)"});
    EXPECT_EQ(looks.read_line(), "True") << "it is not loaded";
    looks.wait();
  }
  for (const char* name : {"pages.jsonl", "pages.warc.gz", "pages.sqlite"}) {
    const std::string path = directory_ / name;
    const auto started = std::chrono::steady_clock::now();
    const std::vector<std::string> arguments{preload,
                                             tool,
                                             "fetch",
                                             "-i",
                                             list,
                                             "-o",
                                             path,
                                             "-s",
                                             "async:20",
                                             "--timeout",
                                             "1500ms",
                                             "--max-bytes",
                                             "64KiB",
                                             "--retry",
                                             "1",
                                             "--retry-delay",
                                             "10ms",
                                             "--host-delay",
                                             "1ms",
                                             "--summary",
                                             directory_ / "summary"};
    {
      child killed("/usr/bin/env", arguments);
      while (!fs::exists(path + (path.ends_with("sqlite") ? "" : ".part"))) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(700));
      killed.signal(SIGKILL);
      killed.wait();
    }
    child run("/usr/bin/env", arguments);
    const std::string errors = run.rest_of_errors();
    EXPECT_EQ(run.wait(), 1) << errors;
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(60)) << "an hour was waited for";
    const auto checked = job({"verify", path});
    EXPECT_EQ(checked.status, 0) << checked.errors;
    EXPECT_THAT(job({"show", path}).output, HasSubstr("166 done of 166, 98 failed")) << name;
    if (!path.ends_with(".jsonl")) continue;
    expect_kinds(read_file(path), all);
    for (const auto& [index, record] : records(read_file(path))) {
      const double ms = record.at("elapsed_ms").to_number<double>();
      EXPECT_TRUE(ms >= 0 && ms < 60'000) << ms << " ms for " << text_of(record, "url");
    }
  }
}

}  // namespace
