#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <source_location>
#include <string_view>

/// \file
/// What the fuzz targets share: an assertion that no build leaves out, and input taken apart.
namespace fanout::fuzz {

/// Aborts, which libFuzzer reports with the input, unless `holds`.
inline void check(bool holds, const char* what, std::source_location where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold: %s\n", where.file_name(), static_cast<unsigned>(where.line()), what);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Cuts bytes into pieces as a network might. The sizes, 1 to 64, are in the first bytes of the input, used in turn.
class pieces {
 public:
  static constexpr std::size_t sizes = 4;

  /// `input` has at least `sizes` bytes.
  explicit pieces(std::string_view input) : sizes_(input.substr(0, sizes)), left_(input.substr(sizes)) {}

  std::string_view all() const noexcept { return left_; }
  /// Empty at the end.
  std::string_view next() {
    const std::size_t size = 1 + static_cast<unsigned char>(sizes_[turn_++ % sizes]) % 64;
    const auto piece = left_.substr(0, size);
    left_.remove_prefix(piece.size());
    return piece;
  }

 private:
  std::string_view sizes_;
  std::string_view left_;
  std::size_t turn_ = 0;
};

}  // namespace fanout::fuzz
