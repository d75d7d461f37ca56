#include "process/channel/progress_page.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace fanout::detail {

progress_page progress_page::create(std::uint32_t lanes) {
  progress_page page;
  page.descriptor_ = memfd_create("fanout-progress", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (page.descriptor_ < 0 || ftruncate(page.descriptor_, static_cast<off_t>(bytes_for(lanes))) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot make a worker's progress page");
  // A worker that cut it short would have its parent die of SIGBUS.
  if (fcntl(page.descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot seal a worker's progress page");
  page.map(bytes_for(lanes));
  return page;
}

progress_page progress_page::open(int descriptor, std::uint32_t lanes) {
  progress_page page;
  page.descriptor_ = descriptor;
  page.map(bytes_for(lanes));
  return page;
}

void progress_page::map(std::size_t bytes) {
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "cannot map a worker's progress page");
  memory_ = memory;
  bytes_ = bytes;
}

progress_page::progress_page(progress_page&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)) {}

progress_page& progress_page::operator=(progress_page&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

progress_page::~progress_page() {
  close_descriptor();
  if (memory_) munmap(memory_, bytes_);
}

bool progress_page::claim(const std::atomic<std::uint32_t>& end, std::uint32_t& ordinal) const noexcept {
  constexpr std::uint64_t one = std::uint64_t{1} << 32;
  std::uint64_t seen = load();
  do {
    ordinal = claimed_of(seen);
    // Relaxed: the end of a batch is lowered before anything that takes its place is allowed, and that was seen.
    if (ordinal == static_cast<std::uint32_t>(seen) || ordinal == end.load(std::memory_order_relaxed)) return false;
  } while (
      !header()->tasks.compare_exchange_weak(seen, seen + one, std::memory_order_seq_cst, std::memory_order_acquire));
  return true;
}

void progress_page::allow(std::uint32_t end) const noexcept {
  std::uint64_t seen = load();
  while (!header()->tasks.compare_exchange_weak(seen, (seen >> 32 << 32) | end, std::memory_order_acq_rel,
                                                std::memory_order_acquire)) {
  }
}

std::uint32_t progress_page::withdraw(std::uint32_t keep) const noexcept {
  std::uint64_t seen = load();
  std::uint32_t end;
  do {
    const std::uint32_t waiting = static_cast<std::uint32_t>(seen) - claimed_of(seen);
    end = claimed_of(seen) + (waiting < keep ? waiting : keep);
  } while (!header()->tasks.compare_exchange_weak(seen, (seen >> 32 << 32) | end, std::memory_order_acq_rel,
                                                  std::memory_order_acquire));
  return end;
}

void progress_page::close_descriptor() noexcept {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

}  // namespace fanout::detail
