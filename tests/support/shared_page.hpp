#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <stdexcept>
#include <string>

/// Numbers that a test shares with the workers it starts, to see what they did even if they die of it.
namespace fanout::test {

template <std::size_t Count>
class shared_page {
 public:
  using counters = std::atomic<int>[Count];

  shared_page() : descriptor_(memfd_create("test", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ftruncate(descriptor_, sizeof(counters)) != 0) throw std::runtime_error("no shared page");
    map();
  }
  /// The page of another process, by its path.
  explicit shared_page(const std::string& path) : descriptor_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    if (descriptor_ < 0) throw std::runtime_error("cannot open " + path);
    map();
  }
  shared_page(const shared_page&) = delete;
  shared_page& operator=(const shared_page&) = delete;
  ~shared_page() {
    munmap(numbers_, sizeof(counters));
    close(descriptor_);
  }

  /// Where another process of the same user finds it.
  std::string path() const { return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(descriptor_); }
  std::atomic<int>& operator[](std::size_t place) { return (*numbers_)[place]; }

 private:
  void map() {
    void* const memory = mmap(nullptr, sizeof(counters), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot map the shared page");
    numbers_ = static_cast<counters*>(memory);
  }

  int descriptor_;
  counters* numbers_ = nullptr;
};

}  // namespace fanout::test
