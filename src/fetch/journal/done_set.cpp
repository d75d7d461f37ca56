#include <fanout/fetch/done_set.hpp>

namespace fanout::fetch {

bool done_set::insert(std::uint64_t index) {
  page_bits& page = pages_[index / page_size];
  if (page.count == page_size) return false;
  if (!page.bits) page.bits = std::make_unique<std::array<std::uint64_t, page_size / 64>>();
  const std::uint64_t at = index % page_size;
  std::uint64_t& word = (*page.bits)[at / 64];
  const std::uint64_t bit = std::uint64_t{1} << at % 64;
  if ((word & bit) != 0) return false;
  word |= bit;
  ++size_;
  if (++page.count == page_size) page.bits.reset();
  return true;
}

bool done_set::erase(std::uint64_t index) {
  if (!contains(index)) return false;
  page_bits& page = pages_[index / page_size];
  if (!page.bits) {
    page.bits = std::make_unique<std::array<std::uint64_t, page_size / 64>>();
    page.bits->fill(~std::uint64_t{0});
  }
  const std::uint64_t at = index % page_size;
  (*page.bits)[at / 64] &= ~(std::uint64_t{1} << at % 64);
  --size_;
  if (--page.count == 0) pages_.erase(index / page_size);
  return true;
}

bool done_set::contains(std::uint64_t index) const noexcept {
  const auto found = pages_.find(index / page_size);
  if (found == pages_.end()) return false;
  const page_bits& page = found->second;
  if (page.count == page_size) return true;
  if (!page.bits) return false;  // there was no memory for them
  const std::uint64_t at = index % page_size;
  return ((*page.bits)[at / 64] >> at % 64 & 1) != 0;
}

std::size_t done_set::memory() const noexcept {
  std::size_t sum = sizeof *this + pages_.bucket_count() * sizeof(void*);
  for (const auto& [number, page] : pages_) sum += 48 + (page.bits ? page_size / 8 : 0);
  return sum;
}

}  // namespace fanout::fetch
