#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

/// \file
/// Durations and points in time that stop at the ends of their range.
///
///     fanout::any_duration<std::chrono::nanoseconds> limit = std::chrono::hours::max();  // the longest there is
///     const auto deadline = fanout::detail::after(std::chrono::steady_clock::now(), limit);  // the end of time
///
/// `std::chrono` wraps around: hours::max() in nanoseconds is negative, and so is now() + nanoseconds::max(). A limit
/// that is meant as "never" would then expire at once. So every function and option of fanout that takes a duration
/// takes an `any_duration`, and a duration meets a point in time through `detail::after`.
namespace fanout {

namespace detail {

/// `from` in the unit of `To`; the greatest or the least value where it is beyond the range. What lies between two
/// values is rounded up: a limit is never shorter than asked, and a limit above zero never becomes none. NaN is zero.
template <class To, class Rep, class Period>
  requires std::is_arithmetic_v<Rep>
constexpr To saturating_cast(std::chrono::duration<Rep, Period> from) noexcept {
  static_assert(std::is_same_v<typename To::rep, std::int64_t>);
  using factor = std::ratio_divide<Period, typename To::period>;
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t greatest = std::numeric_limits<std::int64_t>::max();
  if constexpr (std::is_same_v<std::chrono::duration<Rep, Period>, To>) {
    return from;
  } else if constexpr (std::is_floating_point_v<Rep>) {
    const long double exact = static_cast<long double>(from.count()) * factor::num / factor::den;
    if (exact != exact) return To::zero();
    // 2^63, which floating point holds exactly; the greatest integer is one less.
    constexpr long double end = 9223372036854775808.0L;
    if (exact >= end) return To(greatest);
    if (exact < -end) return To(least);
    const auto whole = static_cast<std::int64_t>(exact);
    return To(static_cast<long double>(whole) < exact ? whole + 1 : whole);
  } else {
    __extension__ using wide = __int128;  // 64 bits of a count times 64 of a factor
    const wide scaled = static_cast<wide>(from.count()) * factor::num;
    const wide whole = scaled / factor::den + (scaled % factor::den > 0 ? 1 : 0);
    if (whole > greatest) return To(greatest);
    if (whole < least) return To(least);
    return To(static_cast<std::int64_t>(whole));
  }
}

/// Both together, in their unit.
template <class Unit>
constexpr Unit saturating_sum(Unit one, Unit other) noexcept {
  typename Unit::rep sum = 0;
  if (__builtin_add_overflow(one.count(), other.count(), &sum)) return other < Unit::zero() ? Unit::min() : Unit::max();
  return Unit(sum);
}

/// `passed` after `from`; the end of the clock's range where it is beyond that.
template <class Clock, class Unit, class Rep, class Period>
constexpr std::chrono::time_point<Clock, Unit> after(std::chrono::time_point<Clock, Unit> from,
                                                     std::chrono::duration<Rep, Period> passed) noexcept {
  return std::chrono::time_point<Clock, Unit>(saturating_sum(from.time_since_epoch(), saturating_cast<Unit>(passed)));
}

/// From `from` to `to`; the longest duration there is where it is longer.
template <class Clock, class Unit>
constexpr Unit time_between(std::chrono::time_point<Clock, Unit> from,
                            std::chrono::time_point<Clock, Unit> to) noexcept {
  typename Unit::rep difference = 0;
  if (__builtin_sub_overflow(to.time_since_epoch().count(), from.time_since_epoch().count(), &difference))
    return to < from ? Unit::min() : Unit::max();
  return Unit(difference);
}

/// A point in time of any unit, in that of the clock.
template <class Clock, class Unit>
constexpr typename Clock::time_point saturating_cast(std::chrono::time_point<Clock, Unit> from) noexcept {
  return typename Clock::time_point(saturating_cast<typename Clock::duration>(from.time_since_epoch()));
}

}  // namespace detail

/// A `Unit` that any duration converts to: of hours, years or fractions, as `detail::saturating_cast` does. It is a
/// `Unit` in everything else.
///
/// A plain value; thread-safe as any value is.
template <class Unit>
class any_duration : public Unit {
 public:
  constexpr any_duration() noexcept : Unit(Unit::zero()) {}
  constexpr explicit any_duration(typename Unit::rep count) noexcept : Unit(count) {}
  template <class Rep, class Period>
    requires std::is_arithmetic_v<Rep>
  constexpr any_duration(std::chrono::duration<Rep, Period> from) noexcept  // NOLINT(google-explicit-constructor)
      : Unit(detail::saturating_cast<Unit>(from)) {}
};

}  // namespace fanout
