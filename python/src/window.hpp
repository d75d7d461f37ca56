#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

/// \file
/// How far a run may read ahead.
namespace fanout::python {

/// Inputs that were pulled and whose outcomes were not handed out yet: at most so many. It begins with twice the places
/// of the shape, so that a slow task does not have inputs read long before their turn, and doubles whenever the run had
/// nothing left to begin, unless it covers 20 ms of work already: then somebody was late, and tasks are not short. A
/// window that the caller chose stays as it is.
class window {
 public:
  static constexpr std::size_t most_items = 8192;

  window(std::size_t places, std::size_t chosen, std::size_t most = most_items)
      : size_(chosen != 0 ? chosen : 2 * places), fixed_(chosen != 0), most_(std::max(most, size_)) {}

  std::size_t size() const { return size_; }
  /// After so many outcomes.
  void ran_dry(std::uint64_t outcomes) {
    const auto now = clock::now();
    const auto took = now - since_;
    const auto came = outcomes - outcomes_;
    since_ = now;
    outcomes_ = outcomes;
    // What came, in which time: so long would as many take as the window holds.
    if (!fixed_ && took * static_cast<std::int64_t>(size_) < covered * static_cast<std::int64_t>(came))
      size_ = std::min(size_ * 2, most_);
  }
  void at_least(std::size_t size) {
    if (!fixed_) size_ = std::max(size_, size);
  }
  /// Whether inputs of so many bytes may wait.
  static bool has_room(std::size_t bytes) { return bytes < most_bytes; }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds covered{20};
  static constexpr std::size_t most_bytes = std::size_t{32} << 20;

  std::size_t size_;
  bool fixed_;
  std::size_t most_;
  clock::time_point since_ = clock::now();
  std::uint64_t outcomes_ = 0;
};

}  // namespace fanout::python
