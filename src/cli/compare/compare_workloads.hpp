#pragma once

#include <fanout/compare/workload.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/shape.hpp>

#include "cli/compare/origin_process.hpp"

#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The workloads of `fanout compare` as they are named and set on its command line.
namespace fanout::cli {

inline constexpr double usual_share_of_mixed = 0.5;

std::chrono::nanoseconds part(std::chrono::nanoseconds whole, double share);

struct workload_arguments {
  std::vector<std::string> names;    ///< in the order to run them
  std::vector<std::string> command;  ///< instead of them: a program and its arguments
  std::uint64_t tasks = 0;           ///< 0: what is usual for the workload
  std::chrono::milliseconds latency{400};
  std::chrono::milliseconds work{300};
  std::optional<double> share;
  std::uint64_t size_bytes = 32U << 20;
  std::string url;
  std::string list;

  bool has(std::string_view name) const;
  std::uint64_t tasks_of(std::string_view name) const;  ///< of all but `urls` and a command with inputs
  /// Whether one of them fetches from the tool's own origin.
  bool needs_origin() const { return has("io") && url.empty(); }
};

/// Adds WORKLOAD and the options that set them.
void add_workload_options(CLI::App& command, workload_arguments& into);

/// Fills in the defaults, tells a command from the names of workloads, and throws `CLI::ValidationError`, which names
/// the option and what is accepted.
void settle_workloads(const CLI::App& command, workload_arguments& given);

/// Throws `CLI::ValidationError` where a shape would need more memory for its blocks than there is: the system would
/// not refuse it, but end some program for it.
void check_memory(const workload_arguments& given, const std::vector<shape>& shapes);

/// `origin` may be null unless `needs_origin()`. Throws `std::runtime_error` for a list that cannot be used.
workload make_named(const std::string& name, const workload_arguments& with, const origin_process* origin,
                    const interrupt& stop);

}  // namespace fanout::cli
