#include "http/h2/h2_window.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace {

using fanout::http::h2_window;
using namespace std::chrono_literals;
using real_seconds = std::chrono::duration<double>;

/// A server at the other end of a path, and one stream of it. Only the arithmetic of both: what fits on the path
/// travels, and what the window allows beyond waits in a buffer at its narrowest place, or for its reader.
struct path {
  double bandwidth;      ///< bytes/s
  real_seconds delay;    ///< of one round trip
  double reader = 1e12;  ///< bytes/s that are taken at the end
  h2_window window{};
  h2_window::time_point now{1h};
  int pings = 0;

  double rate() const { return std::min({bandwidth, reader, window.bytes() / delay.count()}); }
  void pass(real_seconds time) {
    now += std::chrono::duration_cast<std::chrono::nanoseconds>(time);
    window.received(static_cast<std::size_t>(rate() * time.count()), now);
  }
  /// For so long, in steps of the time an answer to a PING takes: behind what lies in the buffer, but not behind what
  /// was read and waits for the stream's reader.
  void run(real_seconds time) {
    for (const auto end = now + std::chrono::duration_cast<std::chrono::nanoseconds>(time); now < end;) {
      const real_seconds answer = std::max(delay, real_seconds(window.bytes() / bandwidth));
      if (window.begin_round(now)) {
        ++pings;
        window.asked(now);
        pass(answer);
        window.answered(now);
      }
      pass(std::max(answer, real_seconds(1ms)));
    }
  }
};

TEST(h2_window, of_a_near_server_stays_small_however_fast_it_is) {
  path loopback{2e9, 100us};
  loopback.run(10s);
  EXPECT_LE(loopback.window.bytes(), 2 * h2_window::initial);
  path reader_is_slow{2e9, 100us, 50e6};
  reader_is_slow.run(10s);
  EXPECT_LE(reader_is_slow.window.bytes(), 2 * h2_window::initial);
}

TEST(h2_window, of_a_far_server_grows_to_bandwidth_times_delay) {
  path far{50e6, 100ms};
  far.run(2s);
  EXPECT_GE(far.window.bytes(), 5'000'000) << "50 MB/s for 100 ms";
  EXPECT_LE(far.window.bytes(), h2_window::widest);
  EXPECT_EQ(far.rate(), 50e6);
  path farther{1e9, 300ms};
  farther.run(10s);
  EXPECT_EQ(farther.window.bytes(), h2_window::widest);
}

TEST(h2_window, of_a_far_server_grows_no_further_than_its_reader_needs) {
  path far{50e6, 100ms, 1e6};
  far.run(10s);
  EXPECT_EQ(far.window.bytes(), h2_window::initial) << "1 MB/s for 100 ms";
}

// A buffer that is full makes answers late, but no more comes.
TEST(h2_window, does_not_grow_into_buffers) {
  path narrow{10e6, 1ms};
  narrow.run(20s);
  EXPECT_LE(narrow.window.bytes(), 2 * h2_window::initial);
}

TEST(h2_window, asks_rarely_what_does_not_change) {
  path narrow{10e6, 1ms};
  narrow.run(20s);
  EXPECT_GE(narrow.pings, 10) << "it may change";
  EXPECT_LE(narrow.pings, 25);
}

TEST(h2_window, answers_that_nobody_asked_for_change_nothing) {
  h2_window window;
  h2_window::time_point now{1h};
  for (int i = 0; i < 100; ++i) {
    window.asked(now);
    window.answered(now += 1s);
    window.received(1'000'000'000, now += 1s);
  }
  EXPECT_EQ(window.bytes(), h2_window::initial);
  EXPECT_TRUE(window.begin_round(now));
  EXPECT_FALSE(window.begin_round(now)) << "one at a time";
  window.answered(now);
  window.received(1'000'000'000, now += 1s);
  EXPECT_EQ(window.bytes(), h2_window::initial) << "an answer before the question went out";
}

}  // namespace
