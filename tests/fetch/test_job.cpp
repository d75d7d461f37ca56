#include <fanout/core/shape.hpp>
#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/origin/background.hpp>

#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace fanout::fetch;
using fanout::failure_kind;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

class job_test : public fanout::test::leak_checked {};

class job_under : public fanout::test::leak_checked, public ::testing::WithParamInterface<const char*> {
 protected:
  fanout::shape shape() const { return fanout::parse_shape(GetParam()); }
};

TEST_P(job_under, records_and_bodies_of_a_whole_list) {
  const fanout::origin::background origin;
  const temporary_directory directory;
  std::vector<std::string> urls;
  for (int i = 0; i < 100; ++i) urls.push_back(origin.url(i % 10 == 0 ? "/status/404" : "/bytes/5"));
  body_files bodies(directory / "bodies");
  json_lines records(output::create(directory / "records"));
  std::set<std::uint64_t> indices;
  record_callback seen([&](finished& each, writer&) { indices.insert(each.index); });
  job fetching;
  fetching.how.shape = shape();
  fetching.sinks = {&bodies, &records, &seen};
  const job_report done = fetching.run(urls);
  EXPECT_EQ(done.cost.tasks, 100u);
  EXPECT_EQ(done.counts.succeeded, 90u);
  EXPECT_EQ(done.counts.failed, 10u);
  EXPECT_THAT(done.counts.by_kind, ElementsAre(Pair(failure_kind::status, 10u)));
  EXPECT_EQ(indices.size(), 100u);
  EXPECT_EQ(lines_of(read_file(directory / "records")), 100u);
  EXPECT_THAT(read_file(directory / "records"), HasSubstr(R"("file":"00000099")"));
  EXPECT_EQ(read_file(directory / "bodies/00000001"), "ABCDE");
  EXPECT_EQ(read_file(directory / "bodies/00000010"), "status 404\n");
}

// While the writer stands still, the source is read no further than the queue and the places of the shape allow, and no
// lane's loop stands still: exchanges under way go on.
TEST_P(job_under, a_slow_writer_holds_up_the_source) {
  const fanout::origin::background origin;
  std::promise<void> may_write;
  const std::shared_future<void> ready = may_write.get_future().share();
  std::atomic<std::uint64_t> pulled{0};
  constexpr std::uint64_t urls = 2000;
  constexpr std::uint64_t room = 10;
  const auto next = [&]() -> std::optional<std::string> {
    if (pulled == urls) return std::nullopt;
    ++pulled;
    return origin.url("/bytes/1");
  };
  std::atomic<std::uint64_t> written{0};
  std::uint64_t most_ahead = 0;
  std::uint64_t taken = 0;
  record_callback slow([&](finished&, writer& to) {
    ++taken;
    to.add(1, [&, ready] {
      ready.wait();
      ++written;
    });
    most_ahead = std::max(most_ahead, pulled.load() - written.load());
    if (taken == room) may_write.set_value();
  });
  job fetching;
  fetching.how.shape = shape();
  fetching.queue.pieces = room;
  fetching.sinks = {&slow};
  EXPECT_EQ(fetching.run(next).cost.tasks, urls);
  EXPECT_EQ(written, urls);
  EXPECT_GE(most_ahead, room);
  // What is under way comes on top; at a worker process that is some milliseconds of work.
  EXPECT_LE(most_ahead, room + (shape().uses_workers() ? 1000 : 8));
}

TEST_P(job_under, what_cannot_be_written_stops_it) {
  const fanout::origin::background origin;
  json_lines full(output::create("/dev/full"));
  job fetching;
  fetching.how.shape = shape();
  fetching.sinks = {&full};
  int number = 0;
  const auto endless = [&]() -> std::optional<std::string> {
    ++number;
    return origin.url("/bytes/1");
  };
  EXPECT_THROW(fetching.run(endless), output_error);
}

// The failure is the writer's, when nothing that would meet it comes from the lanes any more.
TEST_P(job_under, a_failing_writer_cancels_what_is_under_way) {
  const fanout::origin::background origin;
  record_callback failing([&](finished&, writer& to) {
    to.add(1, [&] {
      while (origin.statistics().requests_waiting == 0) std::this_thread::yield();
      throw output_error("the disk is gone");
    });
  });
  job fetching;
  fetching.how.shape = shape();
  fetching.sinks = {&failing};
  try {
    fetching.run(std::vector{origin.url("/bytes/1"), origin.url("/never")});
    FAIL() << "it ended";
  } catch (const output_error& why) {
    EXPECT_STREQ(why.what(), "the disk is gone");
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, job_under, ::testing::Values("threads:3", "async:4", "processes:2", "1x2x3"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::erase(name, ':');
                           return name;
                         });

TEST_F(job_test, stops_when_it_is_told_to) {
  const fanout::origin::background origin;
  std::stop_source stop;
  job fetching;
  fetching.how.shape = fanout::async(4);
  fetching.how.stop = stop.get_token();
  record_callback stops([&](finished&, writer&) { stop.request_stop(); });
  fetching.sinks = {&stops};
  const job_report done = fetching.run(std::vector{origin.url("/bytes/1"), origin.url("/never"), origin.url("/never")});
  EXPECT_TRUE(done.cost.stopped);
  EXPECT_EQ(done.counts.succeeded, 1u);
}

TEST_F(job_test, progress_has_the_counts) {
  const fanout::origin::background origin;
  job fetching;
  fetching.how.shape = fanout::sync();
  std::uint64_t counted = 0;
  std::uint64_t finished = 0;
  fetching.on_progress = [&](const fanout::progress& now, const counts& so_far) {
    finished = now.finished;
    counted = so_far.failed + so_far.succeeded;
  };
  fetching.run(std::vector{origin.url("/status/500"), origin.url("/bytes/1")});
  EXPECT_EQ(finished, 2u);
  EXPECT_EQ(counted, 2u);
}

TEST_F(job_test, cookies_are_saved_in_the_end) {
  const fanout::origin::background origin;
  const temporary_directory directory;
  job fetching;
  fetching.how.shape = fanout::sync();
  fetching.save_cookies = directory / "jar";
  request what;
  what.url = origin.url("/bytes/1");
  fetching.run(std::vector{what});
  EXPECT_THAT(read_file(directory / "jar"), HasSubstr("Cookie File"));
  fetching.save_cookies = "/no/such/jar";
  EXPECT_THROW(fetching.run(std::vector{what}), cookie_file_error);
  fetching.save_cookies = directory / "jar";
  fetching.how.shape = fanout::processes(1);
  EXPECT_THROW(fetching.run(std::vector{what}), std::invalid_argument);
  EXPECT_EQ(origin.statistics().requests, 1u);
}

}  // namespace
