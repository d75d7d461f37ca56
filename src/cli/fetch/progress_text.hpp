#pragma once

#include <fanout/fetch/run_statistics.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// How far a run is, in words.
namespace fanout::cli {

/// A moment of a run, as it is shown.
struct progress_view {
  fetch::job_figures now;
  std::chrono::nanoseconds elapsed{0};
  std::uint64_t done_before = 0;
  std::optional<std::uint64_t> total = {};  ///< inputs of the whole job
  double rate = 0;                          ///< requests that ended in a second, lately
  double byte_rate = 0;                     ///< of their bodies
  std::optional<fetch::host_figures> slowest = {};

  std::uint64_t done() const noexcept { return done_before + now.ended; }
  /// Until all are done, at this rate; none where that is not known.
  std::optional<std::chrono::seconds> left() const;
};

/// One line of `width` - 1 characters at most: what does not fit is left out, the least important first.
std::string progress_bar(const progress_view& view, std::size_t width);

/// The same for a log, with a line end.
std::string progress_line(const progress_view& view);

/// All figures for Prometheus (text format 0.0.4).
std::string metrics_text(const progress_view& view);

/// A name from a list, of characters that a terminal shows and does not obey, and not many.
std::string shown_name(std::string_view name, std::size_t most);

/// "45s", "3m20s", "2h05m", "4d07h".
std::string readable_time(std::chrono::seconds of);

}  // namespace fanout::cli
