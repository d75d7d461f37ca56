#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// A shape says how many tasks can be under way, and where: `machines x processes x threads x in_flight`. Every
/// execution model is a point in this lattice.
namespace fanout {

/// The name a shape was asked for by.
enum class model {
  sync,       ///< one task after another, on the calling thread
  threads,    ///< one blocking task on each of N threads
  async,      ///< N tasks in flight on one event loop, on the calling thread
  processes,  ///< N worker processes, one task in each
  hybrid,     ///< an event loop on every core, N tasks in flight altogether
  grid,       ///< any other point of the lattice, written PxTxC or MxPxTxC
  automatic,  ///< chosen while the run is under way, from its first tasks
};

/// A plain value. Make one with the functions below, or with `parse_shape`.
struct shape {
  fanout::model model = model::sync;
  std::uint32_t machines = 1;   ///< nodes (<fanout/process/nodes.hpp>); more than one is not for `run` by itself
  std::uint32_t processes = 1;  ///< worker processes when `uses_workers()`, else 1: this process
  std::uint32_t threads = 1;    ///< lanes in each process; the first one is the process's own thread
  std::uint32_t in_flight = 1;  ///< tasks in flight on one lane, at most
  std::uint32_t tasks = 1;      ///< tasks in flight altogether, at most

  /// Whether tasks leave this process. `processes:1` does: one worker process, for its isolation.
  bool uses_workers() const noexcept { return model == fanout::model::processes || processes > 1; }

  /// How many tasks lane `lane` of a process may hold: `tasks` dealt out evenly over all lanes.
  std::uint32_t slots(std::uint32_t lane) const noexcept;

  friend bool operator==(const shape&, const shape&) = default;
};

/// The largest counts a shape may have. They are far beyond use, and catch a slipped digit before it costs a machine.
struct shape_limits {
  static constexpr std::uint32_t machines = 10'000;
  static constexpr std::uint32_t processes = 1024;
  static constexpr std::uint32_t threads = 4096;
  static constexpr std::uint32_t in_flight = 1'000'000;
};

/// \name Shapes by name
/// All throw `std::invalid_argument`, naming the limit, for a count of zero or beyond `shape_limits`.
/// @{
shape sync();
shape threads(std::uint32_t count);
shape async(std::uint32_t in_flight);
shape processes(std::uint32_t count);
shape hybrid(std::uint32_t in_flight);  ///< as many loops as cores, never more than `in_flight`
shape grid(std::uint32_t processes, std::uint32_t threads, std::uint32_t in_flight);
shape automatic(std::uint32_t at_most = 0);  ///< `at_most`: tasks in flight altogether, 0 for no limit of one's own
/// @}

/// Reads "sync", "threads:8", "async:64", "processes:4", "hybrid:128", "2x4x16" (PxTxC),
/// "3x2x4x16" (MxPxTxC, on machines) or "auto". Without a count,
/// `threads` means 32, `async` and `hybrid` 64, `processes` one for each core.
/// Throws `std::invalid_argument` whose message quotes `text` and says what is accepted.
shape parse_shape(std::string_view text);

/// The same kind of shape with `tasks` in flight altogether, as `-j` asks for: `threads:8` with 16 is `threads:16`.
/// Throws `std::invalid_argument` where the shape cannot hold that number, as `sync` with 2 or `2x4x16` with 7.
shape with_tasks(const shape& base, std::uint32_t tasks);

/// The text `parse_shape` reads.
std::string to_string(const shape& value);

/// The cores this process may run on (its affinity mask, not the machine's count).
std::uint32_t available_cores() noexcept;

/// Throws `std::invalid_argument`, naming the limit, when a count is zero or absurd, or a machine is asked for.
void validate(const shape& value);

}  // namespace fanout
