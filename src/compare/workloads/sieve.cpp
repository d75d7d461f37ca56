#include "compare/workloads/sieve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace fanout::detail {
namespace {

constexpr std::uint64_t segment_bytes = 32 * 1024;  // one byte for each odd number

constexpr std::array<std::uint64_t, largest_known_power + 1> known{
    0, 4, 25, 168, 1'229, 9'592, 78'498, 664'579, 5'761'455, 50'847'534, 455'052'511, 4'118'054'813, 37'607'912'018,
};

std::uint64_t root(std::uint64_t value) {
  auto guess = static_cast<std::uint64_t>(std::sqrt(static_cast<double>(value)));
  while (guess * guess > value) --guess;
  while ((guess + 1) * (guess + 1) <= value) ++guess;
  return guess;
}

/// The odd primes up to `limit`.
std::vector<std::uint32_t> small_primes(std::uint64_t limit) {
  std::vector<std::uint8_t> composite(limit / 2 + 1);
  std::vector<std::uint32_t> primes;
  for (std::uint64_t number = 3; number <= limit; number += 2) {
    if (composite[number / 2]) continue;
    primes.push_back(static_cast<std::uint32_t>(number));
    for (std::uint64_t multiple = number * number; multiple <= limit; multiple += 2 * number)
      composite[multiple / 2] = 1;
  }
  return primes;
}

/// A prime and the place, in the segment to come, of its next odd multiple.
struct striker {
  std::uint32_t prime;
  std::uint64_t next;
};

std::vector<striker> make_strikers(std::uint64_t first_odd, std::uint64_t last) {
  std::vector<striker> made;
  for (const std::uint64_t prime : small_primes(root(last - 1))) {
    std::uint64_t multiple = std::max(prime * prime, (first_odd + prime - 1) / prime * prime);
    if (multiple % 2 == 0) multiple += prime;
    made.push_back({static_cast<std::uint32_t>(prime), (multiple - first_odd) / 2});
  }
  return made;
}

}  // namespace

std::uint64_t count_primes(std::uint64_t first, std::uint64_t last) {
  std::uint64_t count = first <= 2 && last > 2 ? 1 : 0;
  const std::uint64_t first_odd = std::max<std::uint64_t>(first, 3) | 1;
  if (first_odd >= last) return count;
  auto strikers = make_strikers(first_odd, last);
  std::vector<std::uint8_t> prime(segment_bytes);
  const std::uint64_t places = (last - first_odd + 1) / 2;
  for (std::uint64_t begin = 0; begin < places; begin += segment_bytes) {
    const std::uint64_t size = std::min(segment_bytes, places - begin);
    std::fill_n(prime.begin(), size, std::uint8_t{1});
    for (striker& with : strikers) {
      std::uint64_t at = with.next;
      for (; at < size; at += with.prime) prime[at] = 0;
      with.next = at - size;
    }
    for (std::uint64_t at = 0; at < size; ++at) count += prime[at];
  }
  return count;
}

std::uint64_t known_prime_count(unsigned power_of_ten) {
  return known.at(power_of_ten);
}

std::uint64_t count_primes_verified(std::uint64_t limit) {
  std::uint64_t checkpoint = 1;
  unsigned power = 0;
  while (power < largest_known_power && checkpoint * 10 <= limit) {
    checkpoint *= 10;
    ++power;
  }
  const std::uint64_t below = count_primes(0, checkpoint);
  if (below != known_prime_count(power))
    throw std::logic_error(
        fmt::format("{} primes were counted below 10^{}; there are {}", below, power, known_prime_count(power)));
  return below + count_primes(checkpoint, limit);
}

}  // namespace fanout::detail
