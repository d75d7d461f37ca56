#pragma once

#include <chrono>
#include <cstdint>

/// \file
/// How long it takes to encode and decode the values of tasks. Not for users: `run` is built from it.
namespace fanout::detail {

/// The time spent on the values of one batch, from a sample: reading the clock takes longer than encoding an `int`, so
/// one value in `stride` stands for those that follow it, and what the clock itself takes is taken off.
///
/// Thread safety: none.
class serialization_timer {
 public:
  /// Calls `move`, which encodes or decodes the value at that position. One that throws is not counted.
  template <class Move>
  void of(std::uint32_t position, Move&& move) {
    if (position % stride != 0) return move();
    const auto first = clock::now();
    const auto before = clock::now();
    move();
    const auto after = clock::now();
    ++timed_;
    if (after - before > before - first) spent_ += (after - before) - (before - first);
  }
  /// Of a batch that has so many.
  std::chrono::nanoseconds of_all(std::uint32_t count) const noexcept {
    return timed_ > 0 ? spent_ * count / timed_ : spent_;
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::uint32_t stride = 64;

  std::chrono::nanoseconds spent_{0};  ///< on those timed
  std::uint32_t timed_ = 0;
};

}  // namespace fanout::detail
