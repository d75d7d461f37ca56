// Which deadline passes when, reckoned without a clock.
#include "http/loop/time_limits.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using fanout::http::client_options;
using fanout::http::expiry;
using fanout::http::measurements;
using fanout::http::phase;
using fanout::http::time_limits;
using testing::HasSubstr;

class reckoning : public testing::Test {
 protected:
  reckoning() {
    options_.connect_timeout = 10s;
    options_.idle_timeout = 20s;
    options_.total_timeout = 100s;
    options_.low_speed_bytes_per_s = 0;
  }
  void begin() { reckoning_.begin(options_, start_); }
  time_limits::time at(std::chrono::seconds since) const { return start_ + since; }
  /// Nothing passes before `when`, and `which` at it; the deadline armed is no later.
  void expect(std::chrono::seconds when, expiry which) {
    EXPECT_LE(reckoning_.next(), at(when));
    EXPECT_EQ(reckoning_.passed(at(when) - 1ns), expiry::none);
    EXPECT_EQ(reckoning_.passed(at(when)), which);
  }

  client_options options_;
  time_limits reckoning_;
  const time_limits::time start_{1000s};
};

TEST_F(reckoning, opening_covers_look_up_connection_and_handshake) {
  begin();
  reckoning_.enter(phase::resolving, at(1s));
  reckoning_.enter(phase::connecting, at(4s));
  reckoning_.enter(phase::securing, at(8s));
  expect(11s, expiry::connect);
}

TEST_F(reckoning, limits_beyond_the_end_of_the_clock_never_pass) {
  options_.connect_timeout = options_.idle_timeout = options_.total_timeout = options_.queue_timeout =
      options_.resolve_timeout = options_.tls_timeout = options_.first_byte_timeout = options_.low_speed_window =
          std::chrono::hours::max();
  options_.low_speed_bytes_per_s = 1'000'000'000;
  begin();
  for (const phase each : {phase::queued, phase::resolving, phase::connecting, phase::securing, phase::transfer}) {
    reckoning_.enter(each, at(1s));
    EXPECT_EQ(reckoning_.next(), time_limits::time::max());
    EXPECT_EQ(reckoning_.passed(at(100'000'000s)), expiry::none);
  }
}

TEST_F(reckoning, waiting_for_a_place_is_no_part_of_opening) {
  begin();
  reckoning_.enter(phase::queued, at(0s));
  EXPECT_EQ(reckoning_.passed(at(99s)), expiry::none) << "only the total limit rules";
  reckoning_.enter(phase::connecting, at(50s));
  expect(60s, expiry::connect);
}

TEST_F(reckoning, each_phase_has_a_limit_of_its_own_if_asked_for) {
  options_.queue_timeout = 1s;
  options_.resolve_timeout = 2s;
  options_.tls_timeout = 3s;
  options_.first_byte_timeout = 4s;
  begin();
  reckoning_.enter(phase::queued, at(0s));
  expect(1s, expiry::queue);
  reckoning_.enter(phase::resolving, at(1s));
  expect(3s, expiry::resolve);
  reckoning_.enter(phase::securing, at(3s));
  expect(6s, expiry::tls);
  reckoning_.enter(phase::transfer, at(6s));
  expect(10s, expiry::first_byte);
  reckoning_.received(1, at(7s));
  expect(27s, expiry::idle);
}

TEST_F(reckoning, bytes_that_move_put_the_idle_limit_off_but_never_the_total_one) {
  begin();
  reckoning_.enter(phase::transfer, at(0s));
  for (int second = 0; second < 100; second += 10) {
    reckoning_.received(1, at(std::chrono::seconds(second)));
    EXPECT_EQ(reckoning_.passed(at(std::chrono::seconds(second + 9))), expiry::none);
  }
  expect(100s, expiry::total);
}

TEST_F(reckoning, low_speed_is_judged_by_whole_windows_of_a_transfer) {
  options_.low_speed_bytes_per_s = 10;
  options_.low_speed_window = 5s;
  options_.idle_timeout = 60s;
  begin();
  reckoning_.enter(phase::transfer, at(0s));
  reckoning_.all_sent();
  EXPECT_EQ(reckoning_.passed(at(30s)), expiry::none) << "a server that thinks is not slow";
  reckoning_.received(1, at(31s));
  reckoning_.received(49, at(35s));
  EXPECT_EQ(reckoning_.passed(at(36s)), expiry::none) << "50 bytes in 5 s are enough";
  reckoning_.received(49, at(37s));
  expect(41s, expiry::low_speed);
  EXPECT_THAT(reckoning_.describe(expiry::low_speed, "a.test:80", "after 99 of 200 bytes of the body"),
              HasSubstr("a.test:80 moved 49 bytes in 5000ms, less than 10 a second (low-speed limit) after 99"));
}

TEST_F(reckoning, low_speed_counts_while_a_body_is_sent) {
  options_.low_speed_bytes_per_s = 10;
  options_.low_speed_window = 5s;
  begin();
  reckoning_.enter(phase::transfer, at(0s));
  reckoning_.sent(20, at(2s));
  expect(5s, expiry::low_speed);
}

TEST_F(reckoning, a_pause_of_the_readers_is_not_held_against_the_server) {
  options_.low_speed_bytes_per_s = 10;
  options_.low_speed_window = 5s;
  begin();
  reckoning_.enter(phase::transfer, at(0s));
  reckoning_.received(1, at(1s));
  reckoning_.restart(at(40s));
  EXPECT_EQ(reckoning_.passed(at(44s)), expiry::none);
  expect(45s, expiry::low_speed);
}

TEST_F(reckoning, what_each_phase_took_is_added_up_over_the_hops) {
  begin();
  for (const auto hop : {0s, 20s}) {
    reckoning_.enter(phase::queued, at(hop));
    reckoning_.enter(phase::resolving, at(hop + 1s));
    reckoning_.enter(phase::connecting, at(hop + 3s));
    reckoning_.enter(phase::securing, at(hop + 6s));
    reckoning_.enter(phase::transfer, at(hop + 10s));
    reckoning_.received(1, at(hop + 15s));
    reckoning_.received(1, at(hop + 16s));
  }
  measurements seen;
  reckoning_.measure(seen);
  EXPECT_EQ(seen.queued, 2s);
  EXPECT_EQ(seen.name_lookup, 4s);
  EXPECT_EQ(seen.connect, 6s);
  EXPECT_EQ(seen.tls, 8s);
  EXPECT_EQ(seen.first_byte, 35s);
  EXPECT_EQ(seen.total, 36s);
}

TEST_F(reckoning, every_message_names_its_limit) {
  begin();
  using enum expiry;
  for (const auto& [which, name] : {std::pair{queue, "queue timeout"},
                                    {resolve, "resolve timeout"},
                                    {connect, "connect timeout"},
                                    {tls, "TLS timeout"},
                                    {first_byte, "first-byte timeout"},
                                    {idle, "idle timeout"},
                                    {low_speed, "low-speed limit"},
                                    {total, "total timeout"}}) {
    const auto message = reckoning_.describe(which, "a.test:80", "somewhere");
    EXPECT_THAT(message, HasSubstr(name));
    EXPECT_THAT(message, HasSubstr("a.test:80"));
  }
}

}  // namespace
