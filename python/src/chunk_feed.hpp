#pragma once

#include "feed.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

/// \file
/// Inputs on their way to a run of the engine's, several of them in one task.
namespace fanout::python {

/// A source for `fanout::run` that another thread fills with encoded inputs, and that hands them out in chunks: as many
/// as take about a millisecond, as far as those that have ended tell, so that what a task costs the engine is shared by
/// many. The first ones go alone, and the last ones are dealt out to all workers.
///
/// A chunk is the letter `m` and, for each input, four bytes of its size and its bytes (worker_call.hpp). A worker that
/// finds its inputs to take longer than expected gives the rest of them back, so a chunk may be large; the source ends
/// when nothing is under way that could come back.
///
/// Thread safety: one thread gives, the run takes and tells what has ended.
class chunk_feed {
 public:
  static constexpr char letter = 'm';

  /// `places`: tasks that run at the same time; `most`: inputs of a chunk.
  chunk_feed(std::uint32_t places, std::uint32_t most) : places_(std::max(places, 1U)), most_(std::max(most, 1U)) {}

  /// `bytes` begins with the letter and has `count` inputs.
  void give(std::string&& bytes, std::uint32_t count);
  void end();   ///< nothing more comes
  void drop();  ///< nor is anything taken that was not
  bool empty() const;

  std::optional<std::string> next();
  bool ready();
  int handle() const { return ready_.handle(); }

  /// Inputs of one task.
  struct span {
    std::uint64_t first = 0;
    std::uint32_t count = 0;
  };
  /// The inputs of the task of that number, which has ended and took so long; `ran` of them ran. `rest` is a chunk of
  /// those that it gave back, or empty.
  span ended(std::uint64_t task, std::chrono::nanoseconds took, std::uint32_t ran, std::string&& rest);

 private:
  static constexpr double worth = 1e-3;  ///< seconds

  struct block {
    std::string bytes;
    std::uint64_t first = 0;
    std::uint32_t count = 0;
    std::size_t offset = 1;  ///< of those that are left
  };
  std::uint32_t chunk_size() const;
  bool is_ready() const;
  void announce();
  /// Enough are under way: how large the next chunks should be is known better when these have ended.
  bool held_back() const;

  mutable std::mutex mutex_;  ///< guards what follows
  std::deque<block> blocks_;
  std::uint64_t waiting_ = 0;  ///< inputs in `blocks_`
  std::uint64_t given_ = 0;    ///< inputs
  std::uint64_t tasks_ = 0;    ///< taken
  std::unordered_map<std::uint64_t, span> under_way_;
  double mean_ = -1;  ///< seconds of an input; negative: not known
  bool ended_ = false;
  bool dropped_ = false;
  readiness ready_;
  const std::uint32_t places_;
  const std::uint32_t most_;
};

}  // namespace fanout::python
