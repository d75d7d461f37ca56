#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/origin/background.hpp>

#include "fetch/schedule/scheduled_input.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <poll.h>

#include <atomic>
#include <map>
#include <set>
#include <string_view>
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

bool end(scheduled_input& hosts, std::uint64_t index, record result = {}) {
  request asked;
  asked.index = index;
  return hosts.ended(asked, result);
}

const record refused_connection{.attempts = 1, .error = fanout::failure_kind::connect, .message = "refused"};

TEST(scheduled_input, a_host_has_as_many_in_flight_as_it_may) {
  numbered urls({"http://a/1", "http://a/2", "http://b/1", "a/3"});
  scheduled_input hosts(urls, {.hosts = {.per_host = 1}});
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
  end(hosts, 2);
  EXPECT_TRUE(readable(hosts.handle()));
  EXPECT_FALSE(hosts.ready());  // it was the other host
  end(hosts, 0);
  EXPECT_TRUE(hosts.ready());
  EXPECT_EQ(hosts.next()->url, "http://a/2");
  EXPECT_FALSE(hosts.ready());
  end(hosts, 1);
  EXPECT_EQ(hosts.next()->url, "a/3");  // the same host, without its scheme
  EXPECT_TRUE(hosts.ready());
  EXPECT_FALSE(hosts.next());
}

TEST(scheduled_input, what_is_no_url_waits_for_nobody) {
  numbered urls({"http://a/1", "http://[", "http://a/2"});
  scheduled_input hosts(urls, {.hosts = {.per_host = 1}});
  std::vector<std::string> given{hosts.next()->url, hosts.next()->url};
  EXPECT_THAT(given, ::testing::UnorderedElementsAre("http://a/1", "http://["));
  EXPECT_FALSE(hosts.ready());
}

TEST(scheduled_input, a_delay_and_a_pause_are_waited_for) {
  numbered urls({"http://a/1", "http://a/2", "http://a/3"});
  scheduled_input hosts(urls, {.hosts = {.host_delay = 30ms}});
  const auto begun = clock_type::now();
  hosts.next();
  end(hosts, 0);
  hosts.next();  // waits
  EXPECT_GE(clock_type::now() - begun, 30ms);
  const auto paused = clock_type::now();
  end(hosts, 1, {.retry_after_ms = 90});
  EXPECT_EQ(hosts.next()->index, 2u);
  EXPECT_GE(clock_type::now() - paused, 90ms);
}

TEST(scheduled_input, what_failed_comes_again_with_what_it_came_to) {
  numbered urls({"http://a/1", "http://b/1"});
  scheduled_input hosts(urls, {.retry = retry_rules{.retries = 1, .fixed_delay = 1ms}});
  const auto first = hosts.next();
  const auto other = hosts.next();
  ASSERT_TRUE(first && other);
  EXPECT_FALSE(hosts.ready()) << "what is under way may come again";
  record failed{.attempts = 1, .error = fanout::failure_kind::timeout, .message = "slow", .trace = "once "};
  EXPECT_FALSE(hosts.ended(*first, failed));
  const auto again = hosts.next();  // waits
  ASSERT_TRUE(again);
  EXPECT_EQ(again->url, first->url);
  EXPECT_EQ(again->extra, first->extra);
  EXPECT_EQ(again->index, first->index);
  record answer{.status = 200, .attempts = 1, .trace = "twice"};
  EXPECT_TRUE(hosts.ended(*again, answer));
  EXPECT_EQ(answer.attempts, 2);
  EXPECT_EQ(answer.trace, "once twice");
  EXPECT_GE(answer.elapsed_ns, 1'000'000);
  EXPECT_TRUE(end(hosts, other->index, {.status = 200}));
  EXPECT_EQ(hosts.retried(), 1U);
  EXPECT_FALSE(hosts.next());
}

TEST(scheduled_input, a_dead_host_keeps_its_requests_for_a_probe) {
  numbered urls({"http://a/1", "http://a/2", "http://a/3"});
  scheduled_input hosts(
      urls, {.hosts = {.per_host = 1},
             .retry = retry_rules{
                 .retries = 1, .fixed_delay = 0ms, .circuit_failures = 2, .circuit_probe = 40ms, .circuit_probes = 1}});
  for (int i = 0; i < 2; ++i) {
    const auto sent = hosts.next();
    ASSERT_TRUE(sent);
    record failed = refused_connection;
    hosts.ended(*sent, failed);
  }
  const auto dead = clock_type::now();
  EXPECT_FALSE(hosts.ready());
  const auto probe = hosts.next();  // waits
  EXPECT_GE(clock_type::now() - dead, 30ms);
  ASSERT_TRUE(probe);
  record failed = refused_connection;
  hosts.ended(*probe, failed);
  // The others are not sent, and have a record.
  while (const auto left = hosts.next()) {
    EXPECT_NE(left->problem, "");
    record result{.error = fanout::failure_kind::invalid_request};
    EXPECT_TRUE(hosts.ended(*left, result));
    EXPECT_EQ(result.error, fanout::failure_kind::connect);
    EXPECT_THAT(result.message, ::testing::HasSubstr("not sent, as no connection to a:80 could be made"));
  }
}

TEST(scheduled_input, what_waits_too_long_is_given_up) {
  numbered urls({"http://a/1", "http://a/2", "http://b/1"});
  std::vector<waiting_requests> told;
  scheduled_input hosts(urls, {.hosts = {.per_host = 1},
                               .retry = retry_rules{.retries = 5, .fixed_delay = 1h},
                               .give_up_after = 50ms,
                               .on_wait = [&](const waiting_requests& left) { told.push_back(left); }});
  std::map<std::string, record> records;
  const auto begun = clock_type::now();
  while (const auto each = hosts.next()) {
    record result{.status = 503, .attempts = 1, .error = fanout::failure_kind::status, .message = "503 busy"};
    if (each->url == "http://a/1") result.retry_after_ms = 3'600'000;
    if (hosts.ended(*each, result)) records[each->url] = result;
  }
  EXPECT_GE(clock_type::now() - begun, 50ms);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].requests, 3U);
  EXPECT_EQ(told[0].hosts, 2U);
  EXPECT_NEAR(static_cast<double>(told[0].latest.count()), 3'600'000, 1'000);
  ASSERT_TRUE(told[0].given_up);
  ASSERT_EQ(records.size(), 3U) << "every URL has its record";
  EXPECT_EQ(records["http://b/1"].status, 503);
  EXPECT_EQ(records["http://b/1"].attempts, 1);
  EXPECT_THAT(records["http://b/1"].message, ::testing::StartsWith("503 busy; given up after 0.05 s"));
  EXPECT_EQ(records["http://a/2"].error, fanout::failure_kind::timeout) << "it was never sent";
  EXPECT_EQ(records["http://a/2"].attempts, 0);
}

TEST(scheduled_input, a_crawl_delay_is_kept_and_what_is_disallowed_costs_none) {
  fanout_test::scripted_server server([](fanout_test::peer& with, int) {
    while (!with.read_request().empty())
      with.send("HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\nUser-agent: *\nDisallow: /no\nCrawl-delay: 0.08\n\n");
  });
  std::vector<std::string> list{server.url("/1"), server.url("/2")};
  for (int i = 0; i < 50; ++i) list.push_back(server.url("/no/" + std::to_string(i)));
  list.push_back(server.url("/3"));
  numbered urls(list);
  schedule_rules rules;
  rules.robots_product = "bot";
  scheduled_input hosts(urls, rules);
  const auto begun = clock_type::now();
  int sent = 0;
  int refused = 0;
  while (const auto each = hosts.next()) {
    record result{.status = 200};
    EXPECT_TRUE(hosts.ended(*each, result));
    ++(result.error ? refused : sent);
  }
  EXPECT_EQ(sent, 3);
  EXPECT_EQ(refused, 50);
  EXPECT_GE(clock_type::now() - begun, 160ms) << "from the first to the third";
  EXPECT_LT(clock_type::now() - begun, 4s) << "as fifty more would take";
}

class scheduled_job : public fanout::test::leak_checked, public ::testing::WithParamInterface<const char*> {};

TEST_P(scheduled_job, the_origin_sees_no_more_than_it_may) {
  const fanout::origin::background origin;
  std::vector<std::string> urls;
  for (int i = 0; i < 40; ++i) urls.push_back(origin.url("/delay/5"));
  job fetching;
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.schedule.emplace();
  fetching.schedule->hosts.per_host = 2;
  std::set<std::uint64_t> indexes;
  record_callback seen([&](finished& each, writer&) { indexes.insert(each.index); });
  fetching.sinks = {&seen};
  const auto done = fetching.run(urls);
  EXPECT_EQ(done.cost.tasks, 40u);
  EXPECT_EQ(indexes.size(), 40u);
  EXPECT_LE(origin.statistics().peak_waiting, 2u);
}

// One host refuses every connection, and the job ends all the same, with a record of each URL.
TEST_P(scheduled_job, one_dead_host_and_99_good_ones_end_within_the_bound) {
  const fanout::origin::background origin;
  std::vector<std::string> urls;
  job fetching;
  for (int host = 0; host < 100; ++host) {
    const std::string name = "h" + std::to_string(host) + ".test";
    // Port 1 of this machine, where nobody listens.
    fetching.settings.connect_to.push_back(name +
                                           ":80:127.0.0.1:" + (host == 42 ? "1" : std::to_string(origin.port())));
    for (int i = 0; i < 3; ++i) urls.push_back("http://" + name + (i == 2 ? "/status/503" : "/bytes/1"));
  }
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.schedule.emplace();
  fetching.schedule->retry =
      retry_rules{.retries = 3, .first_delay = 1ms, .job_budget = 1'000, .circuit_failures = 5, .circuit_probe = 1h};
  fetching.schedule->give_up_after = 100ms;
  std::uint64_t tails = 0;
  fetching.schedule->on_wait = [&](const waiting_requests& left) {
    ++tails;
    EXPECT_GE(left.hosts, 1U);
    EXPECT_GE(left.latest, 30min);
  };
  std::map<std::uint64_t, record> records;
  record_callback seen([&](finished& each, writer&) {
    EXPECT_FALSE(records.contains(each.index));
    records[each.index] = each.result;
  });
  fetching.sinks = {&seen};
  const auto done = fetching.run(urls);
  EXPECT_EQ(records.size(), 300U);
  EXPECT_EQ(done.counts.succeeded, 198U);
  EXPECT_EQ(done.counts.of(fanout::failure_kind::status), 99U);
  // Those of the dead host; one that was never sent is a timeout.
  EXPECT_EQ(done.counts.of(fanout::failure_kind::connect) + done.counts.of(fanout::failure_kind::timeout), 3U);
  EXPECT_EQ(done.cost.tasks, 300U);
  EXPECT_GE(done.retries, 99U * 3);
  EXPECT_EQ(tails, 1U);
  EXPECT_THAT((std::vector{records[126].message, records[127].message, records[128].message}),
              ::testing::Contains(::testing::HasSubstr("given up after 0.1 s")));
}

// Thousands of names live on one machine, which is asked no more than it may be, whatever its names are.
TEST_P(scheduled_job, names_of_one_address_share_its_limit) {
  const fanout::origin::background origin;
  const int names = std::string_view(GetParam()) == "async:16" ? 5'000 : 300;
  std::vector<std::string> urls;
  for (int i = 0; i < names; ++i) urls.push_back("http://h" + std::to_string(i) + ".test/delay/1");
  job fetching;
  fetching.settings.connect_to = {"::127.0.0.1:" + std::to_string(origin.port())};
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.schedule.emplace();
  fetching.schedule->hosts.per_address = 3;
  const auto done = fetching.run(urls);
  EXPECT_EQ(done.counts.succeeded, static_cast<std::uint64_t>(names));
  EXPECT_LE(origin.statistics().peak_waiting, 3U);
}

/// A host that disallows /private/ for all, and counts what it is asked.
struct host_with_robots {
  std::atomic<int> robots = 0;      ///< requests of robots.txt
  std::atomic<int> too_early = 0;   ///< of others before
  std::atomic<int> disallowed = 0;  ///< of pages below /private/
  fanout_test::scripted_server server{[this](fanout_test::peer& with, int) {
    for (std::string head; !(head = with.read_request()).empty();) {
      if (head.starts_with("GET /robots.txt ")) {
        ++robots;
        with.send("HTTP/1.1 200 OK\r\nContent-Length: 35\r\n\r\nUser-agent: *\nDisallow: /private/\n\n\n");
        continue;
      }
      if (robots == 0) ++too_early;
      if (head.starts_with("GET /private/")) ++disallowed;
      with.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  }};
};

// robots.txt is read once for a host, before any of its URLs, and binds them; a redirect leads where it leads.
TEST_P(scheduled_job, robots_txt_is_read_first_and_heeded) {
  host_with_robots host;
  fanout_test::scripted_server& server = host.server;
  std::vector<std::string> urls;
  for (int i = 0; i < 60; ++i) urls.push_back(server.url((i % 3 == 0 ? "/private/" : "/page/") + std::to_string(i)));
  job fetching;
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.schedule.emplace();
  fetching.schedule->robots_product = "examplebot";
  fetching.schedule->hosts.rate = 10'000;
  std::map<std::uint64_t, record> records;
  record_callback seen([&](finished& each, writer&) { records[each.index] = each.result; });
  fetching.sinks = {&seen};
  const auto done = fetching.run(urls);
  EXPECT_EQ(host.robots, 1) << "one fetch, however many URLs wait";
  EXPECT_EQ(host.too_early, 0);
  EXPECT_EQ(host.disallowed, 0);
  EXPECT_EQ(done.counts.succeeded, 40U);
  EXPECT_EQ(done.counts.of(fanout::failure_kind::refused_by_policy), 20U);
  EXPECT_THAT(records[0].message, ::testing::EndsWith(" disallows it"));
  EXPECT_EQ(records[0].attempts, 0);
}

// Mirrors are other hosts, with rules of their own.
TEST_P(scheduled_job, robots_txt_of_mirrors_is_heeded) {
  host_with_robots host;
  fanout_test::scripted_server& mirror = host.server;
  fanout_test::scripted_server first([&](fanout_test::peer& with, int) {
    while (!with.read_request().empty()) with.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  });
  std::vector<request> all(40);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].url = first.url("/" + std::to_string(i));
    all[i].mirrors = {mirror.url("/private/1"), first.url("/2")};
    if (i % 2 == 0) all[i].mirrors.push_back(mirror.url("/page/" + std::to_string(i)));
  }
  job fetching;
  fetching.how.shape = fanout::parse_shape(GetParam());
  fetching.schedule.emplace();
  fetching.schedule->robots_product = "examplebot";
  const auto done = fetching.run(all);
  EXPECT_EQ(host.robots, 1);
  EXPECT_EQ(host.too_early, 0);
  EXPECT_EQ(host.disallowed, 0);
  EXPECT_EQ(done.counts.succeeded, 20U);
  EXPECT_EQ(done.counts.of(fanout::failure_kind::status), 20U);
}

INSTANTIATE_TEST_SUITE_P(shapes, scheduled_job,
                         ::testing::Values("sync", "threads:4", "async:16", "hybrid:16", "processes:3", "2x2x8"),
                         [](const auto& of) {
                           std::string name = of.param;
                           std::erase(name, ':');
                           return name;
                         });

}  // namespace
