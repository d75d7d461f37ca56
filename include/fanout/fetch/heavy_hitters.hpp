#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// \file
/// The names that a long stream has most of, in bounded memory.
namespace fanout::fetch {

/// The space-saving algorithm (Metwally, Agrawal, El Abbadi 2005) with weights: counters for so many names. A name that
/// has none takes that of the lightest one, and its weight as its own possible error. Every name whose weight is more
/// than the total divided by `places` has a counter; with no more names than places all is exact.
///
/// ```cpp
/// fetch::heavy_hitters slow(256);
/// slow.add(host, microseconds);
/// for (const auto& each : slow.largest(10)) print(each.name, each.weight);
/// ```
///
/// An addition takes a look-up and some steps in a heap. Thread safety: as any value.
class heavy_hitters {
 public:
  struct entry {
    std::string name;
    std::uint64_t weight = 0;  ///< at least the true one, and more by at most `excess`
    std::uint64_t excess = 0;  ///< of names that had the counter before
    std::uint64_t count = 0;   ///< additions since it has the counter
    std::uint64_t flagged = 0;

    std::uint64_t own() const noexcept { return weight - excess; }
  };

  /// `places`: 1 or more.
  explicit heavy_hitters(std::size_t places);

  /// `flag`: counted for the name, too.
  void add(std::string_view name, std::uint64_t weight, bool flag = false);
  /// Up to `most` of them, the heaviest first.
  std::vector<entry> largest(std::size_t most) const;
  /// All of them, in no order.
  const std::vector<entry>& entries() const noexcept { return entries_; }

 private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
  };
  using number = std::uint32_t;  // of an entry

  std::uint64_t weight_at(std::size_t at) const noexcept { return entries_[heap_[at]].weight; }
  void sink(std::size_t at);
  void rise(std::size_t at);
  void swap(std::size_t a, std::size_t b);

  std::size_t places_;
  std::vector<entry> entries_;
  std::vector<number> heap_;     ///< the lightest is the first
  std::vector<number> heap_at_;  ///< where an entry is in it
  std::unordered_map<std::string, number, text_hash, std::equal_to<>> numbers_;
};

}  // namespace fanout::fetch
