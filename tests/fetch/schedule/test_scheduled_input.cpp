#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/origin/background.hpp>

#include "fetch/schedule/scheduled_input.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>

#include <map>
#include <set>
#include <vector>

namespace {

using namespace fanout::fetch;
using namespace std::chrono_literals;
using clock_type = host_scheduler::clock;

/// Numbers what it is given, as a job does.
class numbered final : public request_input {
 public:
  explicit numbered(std::vector<std::string> urls) : urls_(std::move(urls)) {}
  std::optional<request> next() override {
    if (at_ == urls_.size()) return std::nullopt;
    request made;
    made.url = urls_[at_];
    made.extra = ",\"x\":1";
    made.index = at_++;
    return made;
  }

 private:
  std::vector<std::string> urls_;
  std::uint64_t at_ = 0;
};

bool readable(int handle) {
  pollfd waits{handle, POLLIN, 0};
  return poll(&waits, 1, 0) == 1;
}

TEST(scheduled_input, a_host_has_as_many_in_flight_as_it_may) {
  numbered urls({"http://a/1", "http://a/2", "http://b/1", "a/3"});
  scheduled_input hosts(urls, {.per_host = 1});
  std::map<std::string, std::uint64_t> given;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(hosts.ready());
    const auto each = hosts.next();
    ASSERT_TRUE(each);
    EXPECT_EQ(each->extra, ",\"x\":1");
    given[each->url] = each->index;
  }
  EXPECT_EQ(given, (std::map<std::string, std::uint64_t>{{"http://a/1", 0}, {"http://b/1", 2}}));
  EXPECT_FALSE(hosts.ready());
  EXPECT_FALSE(readable(hosts.handle()));
  hosts.done(2, 0ms);
  EXPECT_TRUE(readable(hosts.handle()));
  EXPECT_FALSE(hosts.ready());  // it was the other host
  hosts.done(0, 0ms);
  EXPECT_TRUE(hosts.ready());
  EXPECT_EQ(hosts.next()->url, "http://a/2");
  EXPECT_FALSE(hosts.ready());
  hosts.done(1, 0ms);
  EXPECT_EQ(hosts.next()->url, "a/3");  // the same host, without its scheme
  EXPECT_TRUE(hosts.ready());
  EXPECT_FALSE(hosts.next());
}

TEST(scheduled_input, what_is_no_url_waits_for_nobody) {
  numbered urls({"http://a/1", "http://[", "http://a/2"});
  scheduled_input hosts(urls, {.per_host = 1});
  std::vector<std::string> given{hosts.next()->url, hosts.next()->url};
  EXPECT_THAT(given, ::testing::UnorderedElementsAre("http://a/1", "http://["));
  EXPECT_FALSE(hosts.ready());
}

TEST(scheduled_input, a_delay_and_a_pause_are_waited_for) {
  numbered urls({"http://a/1", "http://a/2", "http://a/3"});
  scheduled_input hosts(urls, {.host_delay = 30ms});
  const auto begun = clock_type::now();
  hosts.next();
  hosts.done(0, 0ms);
  hosts.next();  // waits
  EXPECT_GE(clock_type::now() - begun, 30ms);
  const auto paused = clock_type::now();
  hosts.done(1, 90ms);
  EXPECT_EQ(hosts.next()->index, 2u);
  EXPECT_GE(clock_type::now() - paused, 90ms);
}

class scheduled_job : public fanout::test::leak_checked, public ::testing::WithParamInterface<const char*> {};

TEST_P(scheduled_job, the_origin_sees_no_more_than_it_may) {
  const fanout::origin::background origin;
  std::vector<std::string> urls;
  for (int i = 0; i < 40; ++i) urls.push_back(origin.url("/delay/5"));
  job fetching;
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.hosts.emplace();
  fetching.hosts->per_host = 2;
  std::set<std::uint64_t> indexes;
  record_callback seen([&](finished& each, writer&) { indexes.insert(each.index); });
  fetching.sinks = {&seen};
  const auto done = fetching.run(urls);
  EXPECT_EQ(done.cost.tasks, 40u);
  EXPECT_EQ(indexes.size(), 40u);
  EXPECT_LE(origin.statistics().peak_waiting, 2u);
}

INSTANTIATE_TEST_SUITE_P(shapes, scheduled_job, ::testing::Values("sync", "threads:4", "async:16", "processes:3"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::erase(name, ':');
                           return name;
                         });

}  // namespace
