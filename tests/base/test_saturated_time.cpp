#include <fanout/base/saturated_time.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using detail::after;
using detail::saturating_cast;
using detail::time_between;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::years;
using clock = std::chrono::steady_clock;

constexpr clock::time_point now(nanoseconds(1'000'000'000'000));

TEST(saturating_cast, is_the_conversion_where_that_fits) {
  static_assert(saturating_cast<nanoseconds>(3s) == 3s);
  static_assert(saturating_cast<nanoseconds>(-3h) == -3h);
  static_assert(saturating_cast<seconds>(nanoseconds(0)) == 0s);
  static_assert(saturating_cast<nanoseconds>(std::chrono::duration<double>(0.25)) == 250ms);
  static_assert(saturating_cast<nanoseconds>(nanoseconds::max()) == nanoseconds::max());
  static_assert(saturating_cast<nanoseconds>(years(292)) == years(292));
}

TEST(saturating_cast, stops_at_both_ends) {
  EXPECT_EQ(saturating_cast<nanoseconds>(milliseconds::max()), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(seconds::max()), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(hours::max()), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(years(293)), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(milliseconds::min()), nanoseconds::min());
  EXPECT_EQ(saturating_cast<nanoseconds>(years(-293)), nanoseconds::min());
  using unsigned_seconds = std::chrono::duration<std::uint64_t>;
  EXPECT_EQ(saturating_cast<seconds>(unsigned_seconds::max()), seconds::max());
}

TEST(saturating_cast, of_fractions_stops_at_both_ends) {
  using real = std::chrono::duration<double>;
  EXPECT_EQ(saturating_cast<nanoseconds>(real(1e300)), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(real(std::numeric_limits<double>::infinity())), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(real(-std::numeric_limits<double>::infinity())), nanoseconds::min());
  EXPECT_EQ(saturating_cast<nanoseconds>(real(std::numeric_limits<double>::quiet_NaN())), 0ns);
  EXPECT_EQ(saturating_cast<nanoseconds>(std::chrono::duration<double, std::ratio<3600>>(1e9)), nanoseconds::max());
  EXPECT_EQ(saturating_cast<nanoseconds>(std::chrono::duration<float>(1e30F)), nanoseconds::max());
}

TEST(saturating_cast, rounds_up_so_that_a_limit_never_becomes_none) {
  EXPECT_EQ(saturating_cast<milliseconds>(1ns), 1ms);
  EXPECT_EQ(saturating_cast<milliseconds>(1'000'001ns), 2ms);
  EXPECT_EQ(saturating_cast<milliseconds>(nanoseconds::max()), 9'223'372'036'855ms);
  EXPECT_EQ(saturating_cast<seconds>(std::chrono::duration<double>(1e-9)), 1s);
  EXPECT_EQ(saturating_cast<milliseconds>(-1ns), 0ms);
  EXPECT_EQ(saturating_cast<milliseconds>(-1'000'001ns), -1ms);
}

TEST(after, stops_at_the_ends_of_the_clock) {
  EXPECT_EQ(after(now, 5s), now + 5s);
  EXPECT_EQ(after(now, -5s), now - 5s);
  EXPECT_EQ(after(now, nanoseconds::max()), clock::time_point::max());
  EXPECT_EQ(after(now, hours::max()), clock::time_point::max());
  EXPECT_EQ(after(now, std::chrono::duration<double>(1e300)), clock::time_point::max());
  EXPECT_EQ(after(clock::time_point::max(), 1ns), clock::time_point::max());
  EXPECT_EQ(after(clock::time_point::min(), -1ns), clock::time_point::min());
  EXPECT_EQ(after(-1ns + clock::time_point(), nanoseconds::min()), clock::time_point::min());
  EXPECT_LT(after(now, nanoseconds::min()), now);
}

TEST(time_between, stops_at_the_ends_of_the_unit) {
  EXPECT_EQ(time_between(now, now + 5s), 5s);
  EXPECT_EQ(time_between(now, now - 5s), -5s);
  EXPECT_EQ(time_between(-1ns + clock::time_point(), clock::time_point::max()), nanoseconds::max());
  EXPECT_EQ(time_between(now, clock::time_point::min()), nanoseconds::min());
}

TEST(saturating_sum, stops_at_both_ends) {
  EXPECT_EQ(detail::saturating_sum<milliseconds>(1ms, 2ms), 3ms);
  EXPECT_EQ(detail::saturating_sum<milliseconds>(1ms, milliseconds::max()), milliseconds::max());
  EXPECT_EQ(detail::saturating_sum<milliseconds>(-1ms, milliseconds::min()), milliseconds::min());
}

TEST(a_point_in_time, of_another_unit_stops_at_the_ends_of_the_clock) {
  using coarse = std::chrono::time_point<clock, hours>;
  EXPECT_EQ(saturating_cast(coarse::max()), clock::time_point::max());
  EXPECT_EQ(saturating_cast(coarse::min()), clock::time_point::min());
  EXPECT_EQ(saturating_cast(coarse(2h)), clock::time_point(2h));
}

struct limits {
  any_duration<nanoseconds> fine{0};
  any_duration<milliseconds> coarse{0};
};

TEST(any_duration, is_made_of_whatever_is_a_duration) {
  const limits given{.fine = hours::max(), .coarse = 1us};
  EXPECT_EQ(given.fine, nanoseconds::max());
  EXPECT_EQ(given.coarse, 1ms);
  limits set;
  EXPECT_EQ(set.fine.count(), 0);
  set.fine = std::chrono::duration<double>(0.5);
  EXPECT_EQ(set.fine, 500ms);
  set.fine = -1h;
  EXPECT_LT(set.fine.count(), 0);
}

TEST(any_duration, is_its_unit_in_everything_else) {
  const any_duration<nanoseconds> limit = 2s;
  const nanoseconds plain = limit;
  EXPECT_EQ(plain, 2s);
  EXPECT_EQ(limit + 1s, 3s);
  EXPECT_LT(limit, 3s);
  EXPECT_EQ(std::chrono::duration<double>(limit).count(), 2);
}

}  // namespace
