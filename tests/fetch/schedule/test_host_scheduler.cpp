#include <fanout/fetch/host_scheduler.hpp>
#include <fanout/fetch/output.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using fanout::fetch::host_scheduler;
using fanout::fetch::host_scheduler_options;
using clock_type = host_scheduler::clock;
using item = host_scheduler::item;

constexpr clock_type::time_point start{std::chrono::hours(5)};

/// Everything that has its turn now.
std::vector<item> all_now(host_scheduler& hosts, clock_type::time_point now) {
  std::vector<item> taken;
  item next;
  while (hosts.next(now, next).taken) taken.push_back(next);
  return taken;
}

std::string payloads(const std::vector<item>& items) {
  std::string text;
  for (const auto& one : items) text += (text.empty() ? "" : " ") + one.payload;
  return text;
}

TEST(host_scheduler, takes_hosts_in_turn_and_each_in_order) {
  host_scheduler hosts;
  hosts.add("a", "a1", 0);
  hosts.add("a", "a2", 1);
  hosts.add("a", "a3", 2);
  hosts.add("b", "b1", 3);
  hosts.add("c", "c1", 4);
  hosts.add("b", "b2", 5);
  const auto taken = all_now(hosts, start);
  EXPECT_EQ(payloads(taken), "a1 b1 c1 a2 b2 a3");
  EXPECT_EQ(taken[3].index, 1U);
  EXPECT_EQ(taken[3].host, "a");
  EXPECT_TRUE(taken[0].first);
  EXPECT_FALSE(taken[3].first);
  EXPECT_FALSE(hosts.empty());
  for (const auto& one : taken) hosts.done(one);
  EXPECT_TRUE(hosts.empty());
  EXPECT_EQ(hosts.statistics().hosts, 0U) << "idle hosts are dropped";
}

TEST(host_scheduler, keeps_the_delay_of_a_host_to_the_millisecond) {
  host_scheduler hosts({.host_delay = 250ms});
  hosts.add("a", "a1", 0);
  hosts.add("a", "a2", 1);
  hosts.add("b", "b1", 2);
  item next;
  for (const auto& one : all_now(hosts, start)) hosts.done(one);
  auto step = hosts.next(start + 249ms + 999us, next);
  EXPECT_FALSE(step.taken);
  EXPECT_EQ(step.until, start + 250ms);
  ASSERT_TRUE(hosts.next(start + 250ms, next).taken);
  EXPECT_EQ(next.payload, "a2");
  hosts.done(next);
  // Its last delay is kept although nothing is queued, so that what is added late does not come early.
  EXPECT_EQ(hosts.statistics().hosts, 1U) << "b has been idle long enough";
  hosts.add("a", "a3", 3);
  EXPECT_FALSE(hosts.next(start + 499ms, next).taken);
  ASSERT_TRUE(hosts.next(start + 500ms, next).taken);
  EXPECT_EQ(next.payload, "a3");
  EXPECT_FALSE(next.first);
  hosts.done(next);
  EXPECT_FALSE(hosts.next(start + 10s, next).taken);
  EXPECT_EQ(hosts.statistics().hosts, 0U);
}

TEST(host_scheduler, limits_what_is_in_flight_to_a_host) {
  host_scheduler hosts({.per_host = 2});
  for (std::uint64_t i = 0; i < 5; ++i) hosts.add("a", "a" + std::to_string(i), i);
  auto taken = all_now(hosts, start);
  EXPECT_EQ(payloads(taken), "a0 a1");
  item next;
  EXPECT_EQ(hosts.next(start + 1h, next).until, clock_type::time_point::max()) << "time alone changes nothing";
  hosts.done(taken[1]);
  EXPECT_EQ(payloads(all_now(hosts, start + 1h)), "a2");
  hosts.limit_host("a", 4, -1ns);
  EXPECT_EQ(payloads(all_now(hosts, start + 1h)), "a3 a4");
}

TEST(host_scheduler, a_pause_holds_wherever_the_host_is) {
  host_scheduler hosts({.per_host = 1, .host_delay = 10ms});
  for (std::uint64_t i = 0; i < 4; ++i) hosts.add("a", "a" + std::to_string(i), i);
  item next;
  ASSERT_TRUE(hosts.next(start, next).taken);
  hosts.pause("a", start + 1s);  // in flight
  hosts.done(next);
  EXPECT_FALSE(hosts.next(start + 999ms, next).taken);
  EXPECT_EQ(hosts.paused(start + 999ms).hosts, 1U);
  EXPECT_EQ(hosts.paused(start + 999ms).latest, start + 1s);
  ASSERT_TRUE(hosts.next(start + 1s, next).taken);
  hosts.done(next);
  hosts.pause("a", start + 2s);  // in the wheel
  EXPECT_FALSE(hosts.next(start + 1'999ms, next).taken);
  ASSERT_TRUE(hosts.next(start + 2s, next).taken);
  hosts.done(next);
  hosts.add("b", "b", 9);
  hosts.add("c", "c", 10);
  ASSERT_TRUE(hosts.next(start + 2'010ms, next).taken);
  hosts.pause("c", start + 50 * 24h);  // ready, for longer than the wheel is wide
  hosts.pause("a", start + 3s);
  EXPECT_EQ(payloads(all_now(hosts, start + 2'010ms)), next.payload == "b" ? "" : "b");
  EXPECT_EQ(payloads(all_now(hosts, start + 3s)), "a3");
  EXPECT_FALSE(hosts.next(start + 50 * 24h - 1ms, next).taken);
  ASSERT_TRUE(hosts.next(start + 50 * 24h, next).taken);
  EXPECT_EQ(next.payload, "c");
}

TEST(host_scheduler, rates_hold_over_time) {
  for (const double rate : {3.0, 50.0, 5'000.0}) {
    host_scheduler all({.rate = rate});
    host_scheduler one({.host_rate = rate});
    for (std::uint64_t i = 0; i < 40'000; ++i) {
      all.add("host" + std::to_string(i % 7), "u", i);
      one.add("host", "u", i);
    }
    for (auto* hosts : {&all, &one}) {
      std::uint64_t taken = 0;
      item next;
      for (auto now = start; now < start + 4s;) {
        const auto step = hosts->next(now, next);
        if (step.taken) {
          ++taken;
          hosts->done(next);
          ASSERT_LE(static_cast<double>(taken), 2 + rate * std::chrono::duration<double>(now - start + 10ms).count());
        } else {
          now = step.until;
        }
      }
      EXPECT_GE(static_cast<double>(taken), rate * 3.99 - 1);
    }
  }
}

TEST(host_scheduler, thousands_of_names_share_the_room_of_one_address) {
  host_scheduler hosts({.per_address = 3});
  for (std::uint64_t i = 0; i < 10'000; ++i) hosts.add("name" + std::to_string(i % 5'000), "u", i);
  std::deque<item> in_flight;
  std::vector<bool> seen(10'000);
  std::size_t ended = 0;
  item next;
  while (!hosts.empty()) {
    while (hosts.next(start, next).taken) {
      if (!hosts.admit(next, "192.0.2.1")) continue;
      in_flight.push_back(next);
      ASSERT_LE(in_flight.size(), 3U);
    }
    ASSERT_FALSE(in_flight.empty()) << ended << " of 10000 have ended, and nothing has its turn";
    ASSERT_FALSE(seen[in_flight.front().index]);
    seen[in_flight.front().index] = true;
    hosts.done(in_flight.front());
    in_flight.pop_front();
    ++ended;
  }
  EXPECT_EQ(ended, 10'000U);
  EXPECT_EQ(hosts.statistics().hosts, 0U);
}

TEST(host_scheduler, a_host_that_is_paused_while_parked_keeps_nobody_waiting) {
  host_scheduler hosts({.per_address = 1});
  for (const char* name : {"a", "b", "c"}) hosts.add(name, name, 0);
  item first;
  ASSERT_TRUE(hosts.next(start, first).taken);
  ASSERT_TRUE(hosts.admit(first, "x"));
  item next;
  while (hosts.next(start, next).taken) ASSERT_FALSE(hosts.admit(next, "x"));
  EXPECT_EQ(hosts.statistics().parked, 2U);
  hosts.pause("b", start + 1h);
  hosts.done(first);
  ASSERT_TRUE(hosts.next(start, next).taken) << "the turn passes on to c";
  EXPECT_EQ(next.payload, "c");
  hosts.done(next);
  ASSERT_TRUE(hosts.next(start + 1h, next).taken);
  EXPECT_EQ(next.payload, "b");
}

TEST(host_scheduler, reads_ahead_only_while_ready_hosts_are_scarce) {
  host_scheduler hosts({.host_delay = 1s, .ready_hosts = 10});
  std::uint64_t line = 0;
  while (hosts.wants_more() && line < 1'000) hosts.add("h" + std::to_string(line), "u", line), ++line;
  EXPECT_EQ(line, 10U);
  EXPECT_EQ(all_now(hosts, start).size(), 10U);
  EXPECT_TRUE(hosts.wants_more()) << "they wait for their delay now";
}

TEST(host_scheduler, a_list_sorted_by_host_keeps_all_hosts_busy_in_bounded_memory) {
  const fanout_test::temporary_directory directory;
  host_scheduler hosts({.per_host = 1, .ready_hosts = 100, .directory = directory.path()});
  // 100,000 lines of one host, then 200 hosts with 50 each.
  std::uint64_t line = 0;
  const auto host_of = [](std::uint64_t at) {
    return at < 100'000 ? std::string("large") : "small" + std::to_string((at - 100'000) / 50);
  };
  const auto read_on = [&] {
    for (; hosts.wants_more() && line < 110'000; ++line)
      hosts.add(host_of(line), "http://" + host_of(line) + "/page/" + std::to_string(line), line);
  };
  read_on();
  auto in_flight = all_now(hosts, start);
  EXPECT_EQ(in_flight.size(), 100U);
  EXPECT_GT(hosts.statistics().bytes_on_disk, 2'000'000U);
  EXPECT_LT(hosts.statistics().memory, 2'000'000U);
  std::uint64_t expected_of_large = 0;
  std::uint64_t ended = 0;
  auto now = start;
  while (!in_flight.empty()) {
    now += 1ms;
    for (const auto& one : in_flight) {
      ++ended;
      hosts.done(one);
      ASSERT_EQ(one.payload, "http://" + host_of(one.index) + "/page/" + std::to_string(one.index));
      if (one.host == "large") {
        ASSERT_EQ(one.index, expected_of_large++);
      }
    }
    read_on();
    in_flight = all_now(hosts, now);
  }
  EXPECT_EQ(ended, 110'000U);
  EXPECT_TRUE(hosts.empty());
  EXPECT_EQ(hosts.statistics().bytes_on_disk, 0U);
}

TEST(host_scheduler, refuses_what_it_cannot_keep_and_stays_whole) {
  const fanout_test::temporary_directory directory;
  host_scheduler hosts({.host_memory = 100, .directory = directory.path() + "/gone"});
  EXPECT_THROW(hosts.add("", "u", 0), std::length_error);
  EXPECT_THROW(hosts.add("a", "u", std::uint64_t{1} << 48), std::length_error);
  EXPECT_THROW(hosts.add("a", std::string(9'000'000, 'u'), 0), std::length_error);
  EXPECT_THROW(hosts.add("a", std::string(20'000, 'u'), 0), fanout::fetch::output_error);
  EXPECT_TRUE(hosts.empty());
  EXPECT_EQ(hosts.statistics().hosts, 0U);
  hosts.add("a", "u", (std::uint64_t{1} << 48) - 1);
  item next;
  ASSERT_TRUE(hosts.next(start, next).taken);
  EXPECT_EQ(next.index, (std::uint64_t{1} << 48) - 1);
}

/// Everything at once, against what must hold whatever is done in whatever order.
TEST(host_scheduler, holds_its_limits_under_random_use) {
  const fanout_test::temporary_directory directory;
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937 random(seed);
    const std::uint32_t per_host = random() % 4;
    const std::uint32_t per_address = random() % 3;
    const auto delay = std::chrono::milliseconds(random() % 2 == 0 ? 0 : random() % 3'000);
    host_scheduler hosts({.per_host = per_host,
                          .per_address = per_address,
                          .host_delay = delay,
                          .ready_hosts = 20,
                          .host_memory = 200,
                          .memory = 3'000,
                          .directory = directory.path()});
    struct known {
      std::deque<std::uint64_t> queue;
      clock_type::time_point not_before = start;
      std::uint32_t in_flight = 0;
      std::string address;
    };
    std::map<std::string, known> model;
    std::map<std::string, std::uint32_t> to_address;
    std::vector<std::pair<item, std::string>> in_flight;
    auto now = start;
    std::uint64_t line = 0;
    std::uint64_t ended = 0;
    item next;
    const auto end_one = [&](std::size_t which) {
      std::swap(in_flight[which], in_flight.back());
      const auto& [one, address] = in_flight.back();
      --model[one.host].in_flight;
      if (!address.empty()) --to_address[address];
      hosts.done(one);
      in_flight.pop_back();
      ++ended;
    };
    hosts.next(now, next);
    while (line < 3'000 || !hosts.empty()) {
      while (line < 3'000 && hosts.wants_more()) {
        const std::string host = "host" + std::to_string(random() % 4 == 0 ? 0 : random() % 60);
        std::string payload =
            std::to_string(line) + std::string(random() % 100 == 0 ? random() % 9'000 : random() % 40, 'x');
        hosts.add(host, payload, line);
        model[host].queue.push_back(line++);
      }
      const auto step = hosts.next(now, next);
      if (step.taken) {
        auto& host = model[next.host];
        ASSERT_EQ(next.index, host.queue.front()) << "first in, first out";
        ASSERT_EQ(std::stoull(next.payload), next.index);
        ASSERT_GE(now, host.not_before);
        std::string address =
            per_address == 0 ? "" : "address" + std::to_string(std::hash<std::string>{}(next.host) % 5);
        if (!address.empty() && random() % 50 == 0) address += "moved";
        host.not_before = std::max(host.not_before, now + delay);
        if (!address.empty() && !hosts.admit(next, address)) {
          ASSERT_EQ(to_address[address], per_address);
          continue;
        }
        host.queue.pop_front();
        ++host.in_flight;
        if (!address.empty()) ++to_address[address];
        in_flight.emplace_back(next, address);
        if (per_host != 0) {
          ASSERT_LE(host.in_flight, per_host);
        }
        if (per_address != 0) {
          ASSERT_LE(to_address[address], per_address);
        }
        if (random() % 30 == 0) {
          host.not_before = std::max(host.not_before, now + std::chrono::milliseconds(random() % 100'000));
          hosts.pause(next.host, host.not_before);
        }
      } else if (!in_flight.empty() && (random() % 2 == 0 || step.until == clock_type::time_point::max())) {
        end_one(random() % in_flight.size());
      } else {
        ASSERT_NE(step.until, clock_type::time_point::max()) << "seed " << seed << ": " << hosts.statistics().queued
                                                             << " queued, nothing in flight, and nothing to wait for";
        ASSERT_GT(step.until, now);
        now = step.until;
      }
    }
    EXPECT_EQ(ended, 3'000U);
    hosts.next(now + 1'000h, next);
    EXPECT_EQ(hosts.statistics().hosts, 0U);
    EXPECT_EQ(hosts.statistics().bytes_on_disk, 0U);
  }
}

TEST(host_scheduler, a_retry_waits_without_a_place) {
  host_scheduler hosts({.per_host = 1});
  hosts.add("a", "a1", 1);
  hosts.add("a", "a2", 2);
  item next;
  ASSERT_TRUE(hosts.next(start, next).taken);
  hosts.retry(next, "a1 again", start + 2s);
  EXPECT_EQ(hosts.statistics().queued, 2U);
  EXPECT_EQ(hosts.statistics().in_flight, 0U);
  EXPECT_EQ(hosts.statistics().delayed, 1U);
  ASSERT_TRUE(hosts.next(start, next).taken);
  EXPECT_EQ(next.payload, "a2") << "its host goes on";
  hosts.done(next);
  EXPECT_EQ(hosts.statistics().hosts, 0U) << "it needs no state meanwhile";
  EXPECT_FALSE(hosts.empty());
  EXPECT_EQ(hosts.next(start + 1s, next).until, start + 2s);
  hosts.add("a", "a3", 3);
  ASSERT_TRUE(hosts.next(start + 2s, next).taken);
  EXPECT_EQ(next.payload, "a1 again") << "before what came later";
  EXPECT_EQ(next.index, 1U);
  hosts.done(next);
  EXPECT_EQ(payloads(all_now(hosts, start + 2s)), "a3");
}

TEST(host_scheduler, says_when_all_that_is_left_waits) {
  host_scheduler hosts({.host_delay = 10s});
  hosts.add("a", "a1", 1);
  hosts.add("a", "a2", 2);
  hosts.add("b", "b1", 3);
  for (const auto& each : all_now(hosts, start)) hosts.done(each);
  EXPECT_FALSE(hosts.paused(start).all) << "a2 waits for its turn alone";
  hosts.pause("a", start + 60s);
  EXPECT_TRUE(hosts.paused(start).all);
  EXPECT_EQ(hosts.paused(start).hosts, 1U);
  hosts.add("c", "c1", 4);
  EXPECT_FALSE(hosts.paused(start).all);
  item next;
  ASSERT_TRUE(hosts.next(start + 1s, next).taken);
  hosts.retry(next, "c1", start + 90s);
  EXPECT_TRUE(hosts.paused(start + 1s).all);
  EXPECT_EQ(hosts.paused(start + 1s).hosts, 2U);
  EXPECT_EQ(hosts.paused(start + 1s).latest, start + 90s);
  hosts.stop_waiting();
  EXPECT_EQ(all_now(hosts, start + 1s).size(), 2U);
}

TEST(host_scheduler, what_was_not_sent_is_first_again) {
  host_scheduler hosts;
  hosts.add("a", "a1", 1);
  hosts.add("a", "a2", 2);
  item next;
  ASSERT_TRUE(hosts.next(start, next).taken);
  hosts.pause("a", start + 5s);
  hosts.put_back(next);
  EXPECT_FALSE(hosts.next(start + 4s, next).taken);
  EXPECT_EQ(payloads(all_now(hosts, start + 5s)), "a1 a2");
}

TEST(host_scheduler, hosts_that_are_held_have_no_turn) {
  host_scheduler hosts({.ready_hosts = 2, .hold_new = true});
  hosts.add("a", "a1", 1);
  hosts.add("b", "b1", 2);
  EXPECT_FALSE(hosts.wants_more()) << "those that are held count";
  EXPECT_TRUE(all_now(hosts, start).empty());
  std::string name;
  ASSERT_TRUE(hosts.take_held(name));
  EXPECT_EQ(name, "a");
  ASSERT_TRUE(hosts.take_held(name));
  EXPECT_EQ(name, "b");
  EXPECT_FALSE(hosts.take_held(name)) << "each is told once";
  EXPECT_TRUE(all_now(hosts, start).empty());
  hosts.release("b");
  EXPECT_EQ(payloads(all_now(hosts, start)), "b1");
  hosts.release("a");
  hosts.hold("a");
  EXPECT_TRUE(all_now(hosts, start).empty());
  ASSERT_TRUE(hosts.take_held(name));
  hosts.release("a");
  EXPECT_EQ(payloads(all_now(hosts, start)), "a1");
}

TEST(host_scheduler, has_a_limit_for_all_hosts) {
  host_scheduler hosts;
  for (std::uint64_t i = 0; i < 5; ++i) hosts.add("h" + std::to_string(i), "x", i);
  hosts.limit_total(2);
  const auto taken = all_now(hosts, start);
  EXPECT_EQ(taken.size(), 2U);
  hosts.done(taken[0]);
  EXPECT_EQ(all_now(hosts, start).size(), 1U);
  hosts.limit_total(0);
  EXPECT_EQ(all_now(hosts, start).size(), 2U);
}

}  // namespace
