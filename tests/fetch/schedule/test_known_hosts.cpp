#include "fetch/schedule/known_hosts.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::host_scout;
using fanout::fetch::known_hosts;
using fanout::fetch::robots_rules;

constexpr known_hosts::clock::time_point known_start{9h};

host_scout::finding found_of(const std::string& host, std::shared_ptr<const robots_rules> robots = nullptr,
                             bool robots_failed = false) {
  host_scout::finding made;
  made.host = host;
  made.robots = std::move(robots);
  made.robots_failed = robots_failed;
  return made;
}

TEST(known_hosts, what_was_found_counts_for_a_while) {
  known_hosts known;
  known["a"].origin = "http://a";
  known["a"].asked_now = true;
  EXPECT_EQ(known.find("a"), nullptr) << "nothing was found yet";
  known.keep(found_of("a"), known_start);
  ASSERT_NE(known.find("a"), nullptr);
  EXPECT_EQ(known.find("a")->until, known_start + 1h);
  EXPECT_EQ(known.find("a")->origin, "http://a");
  EXPECT_FALSE(known.find("a")->asked_now);
  known.keep(found_of("b", std::make_shared<const robots_rules>()), known_start);
  EXPECT_EQ(known.find("b")->until, known_start + 24h);
  known.keep(found_of("c", std::make_shared<const robots_rules>(), true), known_start);
  EXPECT_EQ(known.find("c")->until, known_start + 10min);
}

TEST(known_hosts, are_bounded_but_for_those_that_are_asked_about) {
  known_hosts known;
  for (int i = 0; i < 250'000; ++i) {
    const std::string host = "h" + std::to_string(i);
    if (i == 7)
      known[host].asked_now = true;
    else
      known.keep(found_of(host), known_start);
  }
  EXPECT_LE(known.size(), known_hosts::most + known_hosts::most / 2);
  EXPECT_TRUE(known["h7"].asked_now);
}

}  // namespace
