#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// The bytes the origin serves, known in advance, so that a receiver can verify every one of them.
namespace fanout::origin {

/// The pattern repeats after this many bytes. It is prime, so that a receiver which repeats, drops or swaps a block of
/// any usual size ends up with bytes that differ.
inline constexpr std::uint64_t content_period = 65521;

/// The byte at `offset` of every generated body: with k = offset mod 65521 it is
/// `"A-Za-z0-9-_"[(k + floor(k / 64) + floor(k / 4096)) mod 64]`, the URL-safe base64 alphabet. Printable, so that it
/// can be looked at.
char content_byte(std::uint64_t offset) noexcept;

/// `size` bytes of content from `offset` on.
std::string content(std::uint64_t offset, std::size_t size);

/// 64 KiB of content from `offset` on, without a copy; the memory lives as long as the program. Thread-safe.
std::string_view content_block(std::uint64_t offset);

}  // namespace fanout::origin
