#pragma once

#include <cstdint>
#include <string_view>

namespace fanout::fetch {

/// CRC-32C (Castagnoli), as RFC 3720, appendix B.4, and ext4 have it. `before` is the value of the bytes in front.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0) noexcept;
/// The same where the processor has no instruction for it.
std::uint32_t crc32c_by_tables(std::string_view bytes, std::uint32_t before = 0) noexcept;

}  // namespace fanout::fetch
