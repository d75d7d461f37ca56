#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

/// \file
/// Which inputs of a long list are done.
namespace fanout::fetch {

/// A set of indexes. Lists are done nearly in order, so it is kept as bitmaps of 32,768 indexes each, and one that is
/// full as a mark: a hundred million that are done take some hundred KiB, and at worst (some of every page) 12.5 MB.
///
/// ```cpp
/// fetch::done_set done;
/// done.insert(17);
/// done.contains(17);  // true
/// ```
///
/// Thread safety: as any value.
class done_set {
 public:
  done_set() = default;
  done_set(done_set&&) noexcept = default;
  done_set& operator=(done_set&&) noexcept = default;

  /// False if it was there already.
  bool insert(std::uint64_t index);
  bool erase(std::uint64_t index);
  bool contains(std::uint64_t index) const noexcept;

  std::uint64_t size() const noexcept { return size_; }
  /// Bytes of memory.
  std::size_t memory() const noexcept;

 private:
  static constexpr std::uint64_t page_size = 32'768;
  struct page_bits {
    std::unique_ptr<std::array<std::uint64_t, page_size / 64>> bits;  ///< null: all of them, if there are any
    std::uint32_t count = 0;
  };

  std::unordered_map<std::uint64_t, page_bits> pages_;
  std::uint64_t size_ = 0;
};

}  // namespace fanout::fetch
