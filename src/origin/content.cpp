#include <fanout/origin/content.hpp>

#include <algorithm>

namespace fanout::origin {
namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t block_bytes = 64 * 1024;

}  // namespace

char content_byte(std::uint64_t offset) noexcept {
  const std::uint64_t k = offset % content_period;
  return alphabet[(k + k / 64 + k / 4096) % alphabet.size()];
}

// One period and a block more: a block may then start anywhere within the period.
std::string_view content_block(std::uint64_t offset) {
  static const std::string table = [] {
    std::string bytes(content_period + block_bytes, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = content_byte(i);
    return bytes;
  }();
  return std::string_view(table).substr(offset % content_period, block_bytes);
}

std::string content(std::uint64_t offset, std::size_t size) {
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) bytes += content_block(offset + bytes.size()).substr(0, size - bytes.size());
  return bytes;
}

}  // namespace fanout::origin
