#include "fetch/journal/journal_format.hpp"

#include "fetch/hash/crc32c.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

namespace fanout::fetch {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie in memory");

constexpr std::string_view header_magic = "fanoutJ1";
constexpr std::string_view block_magic = "FBK1";
constexpr std::size_t header_prefix = 8 + 4 + 4;
constexpr std::size_t block_prefix = 4 + 4 + 4 + 4;
constexpr std::size_t block_fixed = 8 + 8;

template <class Number>
void append_number(std::string& into, Number value) {
  into.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class Number>
Number number_at(std::string_view bytes, std::size_t at) {
  Number value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void append_size(std::string& into, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) into += static_cast<char>(value | 0x80);
  into += static_cast<char>(value);
}

std::optional<std::uint64_t> take_size(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

void append_text(std::string& into, std::string_view text) {
  append_size(into, text.size());
  into += text;
}

std::string take_text(std::string_view& bytes) {
  const auto size = take_size(bytes);
  if (!size || *size > bytes.size()) throw journal_error("its header is damaged");
  std::string text(bytes.substr(0, *size));
  bytes.remove_prefix(*size);
  return text;
}

}  // namespace

std::string encode_header(const std::string& boot_id, const job_identity& identity) {
  std::string rest;
  append_text(rest, boot_id);
  append_size(rest, identity.size());
  for (const auto& [name, value] : identity) {
    append_text(rest, name);
    append_text(rest, value);
  }
  std::string header(header_magic);
  append_number(header, static_cast<std::uint32_t>(rest.size()));
  append_number(header, crc32c(rest));
  return header + rest;
}

void decode_header(std::string_view& bytes, journal_contents& into) {
  if (bytes.substr(0, 6) != header_magic.substr(0, 6)) throw journal_error("it is not a journal of fanout");
  if (bytes.substr(0, 8) != header_magic) throw journal_error("it is of another version of fanout");
  if (bytes.size() < header_prefix) throw journal_error("its header is cut off");
  const auto size = number_at<std::uint32_t>(bytes, 8);
  if (bytes.size() - header_prefix < size) throw journal_error("its header is cut off");
  auto rest = bytes.substr(header_prefix, size);
  if (crc32c(rest) != number_at<std::uint32_t>(bytes, 12)) throw journal_error("its header is damaged");
  bytes.remove_prefix(header_prefix + size);
  into.boot_id = take_text(rest);
  const auto fields = take_size(rest);
  if (!fields) throw journal_error("its header is damaged");
  for (std::uint64_t i = 0; i < *fields; ++i) {
    auto name = take_text(rest);
    into.identity.emplace_back(std::move(name), take_text(rest));
  }
}

void append_block(std::string& into, std::vector<journal_mark>& marks, std::uint64_t sink_length,
                  std::uint64_t sink_part) {
  std::sort(marks.begin(), marks.end());
  std::string rest;
  rest.reserve(block_fixed + marks.size() * 2);
  append_number(rest, sink_length);
  append_number(rest, sink_part);
  std::uint64_t before = 0;
  for (const journal_mark mark : marks) {
    const std::uint64_t index = mark >> 1;
    append_size(rest, (index - before) << 1 | (mark & 1));
    before = index;
  }
  std::string sizes;
  append_number(sizes, static_cast<std::uint32_t>(marks.size()));
  append_number(sizes, static_cast<std::uint32_t>(rest.size() - block_fixed));
  into += block_magic;
  into += sizes;
  append_number(into, crc32c(rest, crc32c(sizes)));
  into += rest;
}

bool decode_block(std::string_view& bytes, journal_contents& into) {
  if (bytes.size() < block_prefix + block_fixed || bytes.substr(0, 4) != block_magic) return false;
  const auto count = number_at<std::uint32_t>(bytes, 4);
  const std::uint64_t size = block_fixed + number_at<std::uint32_t>(bytes, 8);
  if (bytes.size() - block_prefix < size) return false;
  const auto rest = bytes.substr(block_prefix, size);
  if (crc32c(rest, crc32c(bytes.substr(4, 8))) != number_at<std::uint32_t>(bytes, 12)) return false;
  auto payload = rest.substr(block_fixed);
  std::uint64_t index = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto distance = take_size(payload);
    if (!distance) throw journal_error("a block counts more inputs than it has");  // and its CRC is right: no accident
    index += *distance >> 1;
    into.done.insert(index);
    if ((*distance & 1) != 0)
      into.failed.insert(index);
    else
      into.failed.erase(index);
  }
  into.sink_length = number_at<std::uint64_t>(rest, 0);
  into.sink_part = number_at<std::uint64_t>(rest, 8);
  bytes.remove_prefix(block_prefix + size);
  return true;
}

}  // namespace fanout::fetch
