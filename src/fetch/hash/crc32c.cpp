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

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) noexcept {
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

}  // namespace fanout::fetch
