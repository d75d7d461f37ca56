#pragma once

#include <fanout/core/worker_options.hpp>

#include "process/channel/wire.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {

/// The part of `worker_options` that a worker sees to itself, as it travels behind the set-up frame.
struct worker_settings {
  std::uint64_t memory_bytes = 0;
  std::int64_t cpu_seconds = 0;
  std::int32_t niceness = 0;
  std::int32_t core = -1;
  std::optional<worker_call> initializer;
  std::optional<worker_call> finalizer;

  /// Throws `std::invalid_argument` for what no worker could be given.
  static void validate(const worker_options& how);
  static worker_settings of(const worker_options& how, std::uint32_t worker);
  void encode(std::string& bytes) const;
  /// Appends the frame that a worker is sent first: the set-up, with these settings.
  void write_setup(std::string& bytes, const setup_frame& setup) const;
  /// Throws `fanout::error` of kind `protocol`.
  static worker_settings decode(std::string_view bytes);

  /// In the worker: sets the limits and calls the initializer. Throws what says why not.
  void enter() const;
  /// Calls the finalizer. Returns what was wrong with it, if anything.
  std::string leave() const;
};

}  // namespace fanout::detail
