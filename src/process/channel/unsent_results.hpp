#pragma once

#include "process/channel/wire.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fanout::detail {

/// Results that a worker has and has not sent, in memory it shares with its parent, who takes them from there when the
/// worker dies: so what dies with it is what it was at. All zero is empty.
///
/// The worker writes a result first and counts it then, and forgets it only when it was sent. The parent may therefore
/// see a result twice, which ordinals tell, and never half of one; but bytes that a crashing worker wrote are to be
/// distrusted as those from its socket are.
struct unsent_results {
  static constexpr std::uint32_t run_tasks = 8192;
  static constexpr std::size_t run_bytes = 64 * 1024;
  static constexpr std::size_t frame_bytes = 256 * 1024;
  static constexpr std::size_t most_run_frame =
      sizeof(results_header) + run_tasks * 2 * sizeof(std::uint32_t) + run_bytes;
  static_assert(most_run_frame < frame_bytes - 64 * 1024);

  /// What the one lane that takes all tasks has collected, each begun as the one before it ended. The lane alone
  /// writes, and what it has counted in `complete` it does not change until it begins anew.
  struct run {
    std::uint64_t first_ordinal;
    std::int64_t started_ns;
    std::uint32_t lane;
    std::array<std::uint32_t, run_tasks> ends;        ///< of each task, from the start of the run, in ns
    std::array<std::uint32_t, run_tasks> value_ends;  ///< of each value in bytes
    std::array<char, run_bytes> bytes;
    std::atomic<std::uint32_t> complete;
    std::atomic<std::uint32_t> varying;  ///< whether values are of several sizes

    /// Writes those from position `from` up to before `to`, which is after it and not beyond `complete`, as
    /// `take_results` reads them. Returns the end; there must be room for `most_run_frame`.
    char* write(char* place, std::uint32_t from, std::uint32_t to) const;
  };

  run collected;
  std::atomic<std::uint32_t> framed;  ///< bytes of the frame that are whole results
  std::array<char, sizeof(frame_header) + frame_bytes> frame;

  /// For the parent, when the worker has ended: all there are, as the payload of a `results` frame, as far as they can
  /// be made out.
  std::string left_behind() const;
};

}  // namespace fanout::detail
