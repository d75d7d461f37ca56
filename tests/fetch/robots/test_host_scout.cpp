#include "fetch/robots/host_scout.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::host_scout;
using fanout_test::peer;
using fanout_test::scripted_server;
using finding = host_scout::finding;

std::string answer_of(int status, const std::string& body, const std::string& more = {}) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class robots_scout : public fanout::test::leak_checked {
 protected:
  /// What is found about one host.
  static finding found_about(const std::string& origin, host_scout::options how,
                             const fanout::http::client& by = fanout::http::client{}) {
    std::promise<finding> found;
    how.first_pause = 1ms;
    host_scout scout(by, std::move(how), [&](finding each) { found.set_value(std::move(each)); });
    scout.ask("host", origin);
    return found.get_future().get();
  }
  static std::string without_slash(std::string url) { return url.substr(0, url.size() - 1); }
};

// RFC 9309, 2.3.1, and what a crawler may do then.
TEST_F(robots_scout, each_kind_of_answer_means_what_the_rfc_says) {
  struct row {
    const char* what;
    int status;
    std::string body;
    bool allows_page;
    bool allows_private;
    bool failed;
  };
  const std::string rules = "User-agent: fanout\nDisallow: /private\n";
  const row rows[] = {
      {"rules", 200, rules, true, false, false},
      {"no rules", 200, "", true, true, false},
      {"not found", 404, rules, true, true, false},
      {"forbidden", 403, rules, true, true, false},
      {"too many requests", 429, rules, true, true, false},
      {"broken", 500, "", false, false, true},
      {"busy", 503, rules, false, false, true},
      // What is behind 500 KiB does not count, and is no error.
      {"half a MiB", 200, rules + std::string(600'000, '#') + "\nUser-agent: fanout\nDisallow: /page\n", true, false,
       false},
  };
  for (const row& each : rows) {
    scripted_server server([&](peer& with, int) {
      while (!with.read_request().empty()) with.send(answer_of(each.status, each.body));
    });
    const finding found = found_about(without_slash(server.url()), {.robots = true});
    ASSERT_TRUE(found.robots) << each.what;
    EXPECT_EQ(found.robots->allows("/page"), each.allows_page) << each.what;
    EXPECT_EQ(found.robots->allows("/private"), each.allows_private) << each.what;
    EXPECT_EQ(found.robots_failed, each.failed) << each.what;
    EXPECT_EQ(found.host, "host");
  }
}

TEST_F(robots_scout, redirects_to_other_hosts_count_for_the_host_that_was_asked) {
  for (const int redirects : {1, 5, 6}) {
    std::string other;
    scripted_server target([&](peer& with, int) {
      for (int left = redirects - 1; !with.read_request().empty(); --left)
        with.send(left > 0 ? answer_of(301, "", "Location: " + other + "again" + std::to_string(left) + "\r\n")
                           : answer_of(200, "User-agent: *\nDisallow: /\n"));
    });
    other = target.url();
    scripted_server first([&](peer& with, int) {
      while (!with.read_request().empty()) with.send(answer_of(302, "", "Location: " + other + "robots\r\n"));
    });
    const finding found = found_about(without_slash(first.url()), {.robots = true});
    EXPECT_EQ(found.robots->allows("/page"), redirects > 5) << redirects << ": more than five mean that there is none";
    EXPECT_FALSE(found.robots_failed);
  }
}

TEST_F(robots_scout, a_host_that_cannot_be_reached_disallows_all) {
  const finding found = found_about("http://127.0.0.1:1", {.robots = true});
  EXPECT_FALSE(found.robots->allows("/"));
  EXPECT_TRUE(found.robots_failed);
}

TEST_F(robots_scout, an_answer_that_may_pass_is_asked_for_again) {
  std::atomic<int> requests = 0;
  scripted_server server([&](peer& with, int) {
    while (!with.read_request().empty())
      with.send(++requests == 1 ? answer_of(503, "") : answer_of(200, "User-agent: *\nCrawl-delay: 2\n"));
  });
  const finding found = found_about(without_slash(server.url()), {.robots = true, .tries = 2});
  EXPECT_EQ(requests, 2);
  EXPECT_FALSE(found.robots_failed);
  EXPECT_EQ(found.robots->crawl_delay(), 2s);
}

TEST_F(robots_scout, asks_under_the_name_that_it_is_given) {
  std::string head;
  scripted_server server([&](peer& with, int) {
    for (std::string each; !(each = with.read_request()).empty(); head = each)
      with.send(answer_of(200, "User-agent: mybot\nDisallow: /a\nUser-agent: *\nDisallow: /b\n"));
  });
  const finding found =
      found_about(without_slash(server.url()), {.robots = true, .product = "mybot", .user_agent = "mybot/2 (me)"});
  EXPECT_FALSE(found.robots->allows("/a"));
  EXPECT_TRUE(found.robots->allows("/b"));
}

TEST_F(robots_scout, addresses_are_those_that_connections_would_go_to) {
  fanout::http::client_options how;
  how.connect_to = {"a.test::127.0.0.7:"};
  how.resolve = {"b.test:80:127.0.0.8,127.0.0.9"};
  const fanout::http::client by(how);
  EXPECT_EQ(found_about("http://a.test", {.addresses = true}, by).address, "127.0.0.7");
  EXPECT_EQ(found_about("http://b.test:80", {.addresses = true}, by).address, "127.0.0.8");
  EXPECT_EQ(found_about("http://127.0.0.1:81", {.addresses = true}, by).address, "127.0.0.1");
  EXPECT_FALSE(found_about("http://127.0.0.1:81", {.addresses = true}, by).robots) << "nobody asked for it";
}

TEST_F(robots_scout, each_of_many_hosts_is_answered_once) {
  std::mutex mutex;
  std::map<std::string, int> answers;
  std::promise<void> all;
  fanout::http::client_options how;
  how.connect_to = {"::127.0.0.1:9"};
  host_scout scout(fanout::http::client(how), {.addresses = true, .at_once = 3}, [&](finding each) {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(each.address, "127.0.0.1");
    ++answers[each.host];
    if (answers.size() == 500) all.set_value();
  });
  for (int i = 0; i < 500; ++i) scout.ask("h" + std::to_string(i), "http://h" + std::to_string(i) + ".test");
  all.get_future().wait();
  const std::lock_guard lock(mutex);
  for (const auto& [host, times] : answers) EXPECT_EQ(times, 1) << host;
}

TEST_F(robots_scout, may_end_in_the_middle) {
  scripted_server silent([](peer& with, int) {
    with.read_request();
    with.read_request();  // until the other side is gone
  });
  host_scout scout(fanout::http::client{}, {.robots = true}, [](finding) { FAIL() << "nothing was found"; });
  scout.ask("host", without_slash(silent.url()));
}

}  // namespace
