#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace fanout::fetch {

/// Inputs that come back at a time of their own, the earliest first: those that are tried again. A binary heap: there
/// are few, as retries have a budget, and each is kept by host and text, so that an idle host's state can be dropped.
///
/// Thread safety: none.
class delayed_items {
 public:
  struct delayed {
    std::int64_t due_ns = 0;
    std::uint64_t index = 0;
    std::string host;
    std::string payload;
  };

  bool empty() const noexcept { return heap_.empty(); }
  std::size_t size() const noexcept { return heap_.size(); }
  /// Bytes of memory.
  std::size_t memory() const noexcept { return bytes_; }
  /// Of the earliest; there is one.
  std::int64_t next_due() const noexcept { return heap_.front().due_ns; }

  void push(delayed added) {
    bytes_ += size_of(added);
    heap_.push_back(std::move(added));
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  /// The earliest; there is one.
  delayed pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    delayed first = std::move(heap_.back());
    heap_.pop_back();
    bytes_ -= size_of(first);
    return first;
  }
  const std::vector<delayed>& all() const noexcept { return heap_; }

 private:
  static bool later(const delayed& left, const delayed& right) noexcept {
    return left.due_ns != right.due_ns ? left.due_ns > right.due_ns : left.index > right.index;
  }
  static std::size_t size_of(const delayed& of) noexcept {
    return sizeof(delayed) + of.host.size() + of.payload.size();
  }

  std::vector<delayed> heap_;
  std::size_t bytes_ = 0;
};

}  // namespace fanout::fetch
