#pragma once

#include <cstdint>

/// \file
/// Computation whose amount is known, whose result can be verified, and which no compiler can leave out.
namespace fanout::detail {

/// The number of primes in [first, last): a segmented sieve of Eratosthenes over the odd numbers, its segments as large
/// as a first-level cache. `last` may be up to 2^62.
std::uint64_t count_primes(std::uint64_t first, std::uint64_t last);

/// The number of primes below the power of ten, 10^0 to 10^12 (OEIS A006880).
std::uint64_t known_prime_count(unsigned power_of_ten);
inline constexpr unsigned largest_known_power = 12;

/// The number of primes below `limit`, counted in two parts: up to the largest power of ten that it contains, where the
/// count is known, and from there. Throws `std::logic_error` if the first one is not as it has to be.
std::uint64_t count_primes_verified(std::uint64_t limit);

}  // namespace fanout::detail
