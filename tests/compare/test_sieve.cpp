#include "compare/workloads/sieve.hpp"

#include <gtest/gtest.h>

namespace fanout::detail {
namespace {

bool is_prime(std::uint64_t number) {
  if (number < 2) return false;
  for (std::uint64_t divisor = 2; divisor * divisor <= number; ++divisor)
    if (number % divisor == 0) return false;
  return true;
}

TEST(sieve, counts_what_trial_division_counts_in_every_small_interval) {
  for (std::uint64_t first = 0; first < 60; ++first) {
    std::uint64_t expected = 0;
    for (std::uint64_t last = first; last < 200; ++last) {
      EXPECT_EQ(count_primes(first, last), expected) << first << " to " << last;
      if (is_prime(last)) ++expected;
    }
  }
}

TEST(sieve, counts_what_is_known_below_powers_of_ten) {
  std::uint64_t limit = 1;
  for (unsigned power = 0; power <= 7; ++power, limit *= 10)
    EXPECT_EQ(count_primes(0, limit), known_prime_count(power)) << "10^" << power;
  EXPECT_EQ(known_prime_count(6), 78'498U);
  EXPECT_EQ(known_prime_count(12), 37'607'912'018U);
}

TEST(sieve, intervals_that_start_anywhere_add_up) {
  constexpr std::uint64_t whole = 1'000'000;
  for (const std::uint64_t cut :
       {2U, 3U, 4U, 65'535U, 65'536U, 65'537U, 65'538U, 65'539U, 131'077U, 999'983U, 999'984U})
    EXPECT_EQ(count_primes(0, cut) + count_primes(cut, whole), 78'498U) << cut;
}

TEST(sieve, far_from_zero) {
  std::uint64_t expected = 0;
  for (std::uint64_t number = 1'000'000'000'000; number < 1'000'000'000'200; ++number) expected += is_prime(number);
  EXPECT_GT(expected, 0U);
  EXPECT_EQ(count_primes(1'000'000'000'000, 1'000'000'000'200), expected);
}

TEST(sieve, verified_counts_are_whole_counts) {
  for (const std::uint64_t limit : {1U, 2U, 9U, 10U, 11U, 99U, 100U, 101U, 123'457U, 1'000'000U, 1'234'567U})
    EXPECT_EQ(count_primes_verified(limit), count_primes(0, limit)) << limit;
}

}  // namespace
}  // namespace fanout::detail
