#include "fetch/hash/crc32c.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace fanout::fetch {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read as they lie in memory");

/// Eight bytes at a time (Kounavis and Berry, 2005): table k is of a byte with k bytes behind it.
constexpr auto crc_tables = [] {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ (value & 1U ? 0x82f63b78U : 0U);
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[k][byte] = tables[k - 1][byte] >> 8 ^ tables[0][tables[k - 1][byte] & 0xff];
  return tables;
}();

}  // namespace

namespace {

#if defined(__x86_64__)
// The processor's own instruction for this polynomial.
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint64_t value = ~before;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    value = __builtin_ia32_crc32di(value, word);
  }
  auto last = static_cast<std::uint32_t>(value);
  for (const char c : bytes) last = __builtin_ia32_crc32qi(last, static_cast<unsigned char>(c));
  return ~last;
}

const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
#endif

}  // namespace

std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before) noexcept {
  std::uint32_t value = ~before;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    word ^= value;
    value = 0;
    for (std::size_t k = 0; k < 8; ++k) value ^= crc_tables[7 - k][word >> 8 * k & 0xff];
    bytes.remove_prefix(8);
  }
  for (const char c : bytes) value = value >> 8 ^ crc_tables[0][(value ^ static_cast<unsigned char>(c)) & 0xff];
  return ~value;
}

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) noexcept {
#if defined(__x86_64__)
  if (has_instruction) return by_instruction(bytes, before);
#endif
  return crc32c_by_tables(bytes, before);
}

}  // namespace fanout::fetch
