#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace fanout::fetch {

/// Memory for many small things that are named by 32 bits: names of hosts, queued URLs. A handle counts granules of 8
/// bytes, so an arena holds 32 GiB at most. What is freed is kept for others of its size. 0 is no handle.
///
/// Thread safety: none.
class granule_arena {
 public:
  static constexpr std::size_t granule = 8;
  static constexpr std::size_t largest = 8192;

  /// `size` is 1 to `largest`. The bytes are not initialised.
  std::uint32_t allocate(std::size_t size);
  /// `size` is what it was allocated with.
  void free(std::uint32_t handle, std::size_t size) noexcept;

  char* at(std::uint32_t handle) noexcept {
    return blocks_[handle / granules_of_a_block].get() + handle % granules_of_a_block * granule;
  }
  const char* at(std::uint32_t handle) const noexcept {
    return blocks_[handle / granules_of_a_block].get() + handle % granules_of_a_block * granule;
  }

  std::size_t used() const noexcept { return used_; }                            ///< bytes given out
  std::size_t reserved() const noexcept { return blocks_.size() * block_size; }  ///< bytes taken from the system

 private:
  static constexpr std::size_t block_size = 256 * 1024;
  static constexpr std::size_t granules_of_a_block = block_size / granule;

  static std::size_t granules_of(std::size_t size) noexcept { return (size + granule - 1) / granule; }

  std::vector<std::unique_ptr<char[]>> blocks_;
  std::size_t next_ = granules_of_a_block;  ///< the first free granule of the last block
  std::array<std::uint32_t, largest / granule + 1> free_{};
  std::size_t used_ = 0;
};

}  // namespace fanout::fetch
