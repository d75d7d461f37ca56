#pragma once

#include <fanout/core/report.hpp>
#include <fanout/fetch/exchange.hpp>

#include <cstdint>
#include <map>
#include <string>

/// \file
/// What a fetch came to.
namespace fanout::fetch {

/// What became of the URLs of one fetch.
struct counts {
  std::uint64_t succeeded = 0;
  std::uint64_t failed = 0;
  std::uint64_t skipped = 0;  ///< as their files were there; among those that succeeded
  std::uint64_t bytes = 0;
  std::map<failure_kind, std::uint64_t> by_kind;

  void add(const record& result);
  /// How many failed so.
  std::uint64_t of(failure_kind kind) const {
    const auto found = by_kind.find(kind);
    return found == by_kind.end() ? 0 : found->second;
  }
};

/// Counts and costs of a fetch as one JSON object, with a line end.
std::string summary_json(const report& cost, const counts& of);

}  // namespace fanout::fetch
