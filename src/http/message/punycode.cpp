#include "http/message/punycode.hpp"

#include <cstdint>

namespace fanout::http {
namespace {

// The parameters of section 5.
constexpr std::uint64_t digit_base = 36, least_threshold = 1, most_threshold = 26, skew = 38, damp = 700,
                        first_bias = 72;

char digit(std::uint64_t value) noexcept {
  return static_cast<char>(value < 26 ? 'a' + value : '0' + (value - 26));
}

// Section 6.1.
std::uint64_t adapted(std::uint64_t delta, std::uint64_t points, bool first) noexcept {
  delta = first ? delta / damp : delta / 2;
  delta += delta / points;
  std::uint64_t steps = 0;
  for (; delta > (digit_base - least_threshold) * most_threshold / 2; steps += digit_base)
    delta /= digit_base - least_threshold;
  return steps + (digit_base - least_threshold + 1) * delta / (delta + skew);
}

void append_number(std::string& onto, std::uint64_t number, std::uint64_t bias) {
  for (std::uint64_t k = digit_base;; k += digit_base) {
    const std::uint64_t threshold = k <= bias                    ? least_threshold
                                    : k >= bias + most_threshold ? most_threshold
                                                                 : k - bias;
    if (number < threshold) break;
    onto += digit(threshold + (number - threshold) % (digit_base - threshold));
    number = (number - threshold) / (digit_base - threshold);
  }
  onto += digit(number);
}

}  // namespace

// Section 6.3. With 64 bits, the sums cannot overflow for labels that fit a URL.
std::string punycode(std::u32string_view label) {
  std::string result;
  for (const char32_t c : label)
    if (c < 0x80) result += static_cast<char>(c);
  const std::uint64_t basic = result.size();
  if (basic > 0) result += '-';
  std::uint64_t handled = basic, delta = 0, bias = first_bias;
  for (char32_t reached = 0x80; handled < label.size(); ++reached, ++delta) {
    char32_t next = 0x7fffffff;
    for (const char32_t c : label)
      if (c >= reached && c < next) next = c;
    delta += (next - reached) * (handled + 1);
    reached = next;
    for (const char32_t c : label) {
      if (c < reached) ++delta;
      if (c != reached) continue;
      append_number(result, delta, bias);
      bias = adapted(delta, handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
  }
  return result;
}

}  // namespace fanout::http
