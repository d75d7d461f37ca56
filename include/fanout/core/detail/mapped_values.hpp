#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

/// \file
/// What `map` returns, while it is being made. Not for users.
namespace fanout::detail {

/// Values that come in any order, each for its place. They are made where they stay, if that costs nothing before they
/// come.
///
/// Thread safety: none.
template <class T>
class mapped_values {
  static constexpr bool in_place = std::is_nothrow_default_constructible_v<T> && std::is_move_assignable_v<T>;

 public:
  /// Whether bytes can be copied into places.
  static constexpr bool plain = in_place && std::is_trivially_copyable_v<T> && !std::is_same_v<T, bool>;

  /// So many are to come, as far as known.
  void expect(std::uint64_t count) {
    values_.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(count, most_reserved / sizeof(T))));
  }
  void put(std::uint64_t place, T&& value) {
    make_room(place + 1);
    values_[static_cast<std::size_t>(place)] = std::move(value);
  }
  /// The values in `bytes`, from `place` on.
  void put_plain(std::uint64_t place, const char* bytes, std::uint32_t count)
    requires plain
  {
    make_room(place + count);
    std::memcpy(values_.data() + place, bytes, count * sizeof(T));
  }

  /// The first `count`, all of which must have come.
  std::vector<T> take(std::uint64_t count) {
    if constexpr (in_place) {
      values_.resize(static_cast<std::size_t>(count));
      return std::move(values_);
    } else {
      std::vector<T> all;
      all.reserve(static_cast<std::size_t>(count));
      for (std::size_t i = 0; i < count; ++i) all.push_back(std::move(*values_[i]));
      return all;
    }
  }

 private:
  static constexpr std::size_t most_reserved = 64U << 20;  ///< bytes; a source may be longer than memory

  void make_room(std::uint64_t end) {
    if (end > values_.size()) values_.resize(std::max(static_cast<std::size_t>(end), values_.size() * 2));
  }

  std::vector<std::conditional_t<in_place, T, std::optional<T>>> values_;
};

}  // namespace fanout::detail
