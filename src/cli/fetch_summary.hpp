#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/report.hpp>
#include <fanout/fetch/exchange.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace fanout::cli {

/// What became of the URLs of one fetch.
struct fetch_counts {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t bytes = 0;
  std::map<failure_kind, std::uint64_t> by_kind;

  void add(const fetch::record& result);
};

/// One JSON object, with a line end.
std::string summary_json(const report& cost, const fetch_counts& counts);
/// A line or two for a person.
std::string summary_text(const report& cost, const fetch_counts& counts);

/// The progress line on standard error, redrawn in place.
void show_progress(const progress& now, const fetch_counts& counts);
void clear_progress();

}  // namespace fanout::cli
