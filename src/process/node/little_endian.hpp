#pragma once

#include <fanout/base/failure.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Appends numbers, the lowest byte first, and texts after their sizes.
class little_endian_writer {
 public:
  explicit little_endian_writer(std::string& bytes) : bytes_(bytes) {}

  void u32(std::uint32_t value) { append(value); }
  void u64(std::uint64_t value) { append(value); }
  void duration(std::chrono::nanoseconds value) { append(static_cast<std::uint64_t>(value.count())); }
  void text(std::string_view value) {
    u64(value.size());
    bytes_ += value;
  }

 private:
  template <class Unsigned>
  void append(Unsigned value) {
    std::array<char, sizeof value> raw;
    for (char& each : raw) {
      each = static_cast<char>(value & 0xFF);
      value >>= 8;
    }
    bytes_.append(raw.data(), raw.size());
  }

  std::string& bytes_;
};

/// Takes what was written off the front of `bytes`. Throws `fanout::error` of kind `protocol` at their end.
class little_endian_reader {
 public:
  explicit little_endian_reader(std::string_view& bytes) : bytes_(bytes) {}

  std::uint32_t u32() { return take<std::uint32_t>(); }
  std::uint64_t u64() { return take<std::uint64_t>(); }
  std::chrono::nanoseconds duration() { return std::chrono::nanoseconds(static_cast<std::int64_t>(u64())); }
  std::string_view text() { return raw(u64()); }
  std::string_view raw(std::uint64_t size) {
    if (size > bytes_.size()) throw error(failure_kind::protocol, "a message between engine and node ends too soon");
    const auto taken = bytes_.substr(0, static_cast<std::size_t>(size));
    bytes_.remove_prefix(static_cast<std::size_t>(size));
    return taken;
  }

 private:
  template <class Unsigned>
  Unsigned take() {
    const auto from = raw(sizeof(Unsigned));
    Unsigned value = 0;
    for (std::size_t i = from.size(); i-- > 0;)
      value = static_cast<Unsigned>(value << 8 | static_cast<unsigned char>(from[i]));
    return value;
  }

  std::string_view& bytes_;
};

}  // namespace fanout::detail
