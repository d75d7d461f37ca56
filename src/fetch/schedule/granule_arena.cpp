#include "fetch/schedule/granule_arena.hpp"

#include <cassert>
#include <cstring>
#include <limits>
#include <new>

namespace fanout::fetch {

std::uint32_t granule_arena::allocate(std::size_t size) {
  assert(size > 0 && size <= largest);
  const std::size_t granules = granules_of(size);
  if (const std::uint32_t handle = free_[granules]; handle != 0) {
    std::memcpy(&free_[granules], at(handle), sizeof handle);
    used_ += granules * granule;
    return handle;
  }
  if (next_ + granules > granules_of_a_block) {
    if (blocks_.size() >= std::numeric_limits<std::uint32_t>::max() / granules_of_a_block) throw std::bad_alloc();
    blocks_.push_back(std::unique_ptr<char[]>(new char[block_size]));
    // The end of the block before is given to those who need no more than that.
    const std::size_t left = granules_of_a_block - next_;
    if (blocks_.size() > 1 && left > 0) {
      const auto rest = static_cast<std::uint32_t>((blocks_.size() - 2) * granules_of_a_block + next_);
      std::memcpy(at(rest), &free_[left], sizeof rest);
      free_[left] = rest;
    }
    next_ = blocks_.size() == 1 ? 1 : 0;  // granule 0 stands for none
  }
  const auto handle = static_cast<std::uint32_t>((blocks_.size() - 1) * granules_of_a_block + next_);
  next_ += granules;
  used_ += granules * granule;
  return handle;
}

void granule_arena::free(std::uint32_t handle, std::size_t size) noexcept {
  const std::size_t granules = granules_of(size);
  std::memcpy(at(handle), &free_[granules], sizeof handle);
  free_[granules] = handle;
  used_ -= granules * granule;
}

}  // namespace fanout::fetch
