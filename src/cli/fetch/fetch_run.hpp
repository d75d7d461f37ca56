#pragma once

#include <fanout/fetch/sinks.hpp>

#include "cli/fetch/fetch_options.hpp"

#include <cstdint>

/// \file
/// What `fanout fetch` and `fanout curl` do, once their command lines were read.
namespace fanout::cli {

/// What jobs that run in turn have in common. They write to the sinks, and do not close them; null: none.
struct shared_outputs {
  fetch::sink* headers = nullptr;  ///< of -D
  fetch::sink* archive = nullptr;  ///< of --har
  std::uint64_t urls_before = 0;   ///< in the jobs before this one
};

/// Fetches, tells what went wrong, and returns the exit status.
int run_fetch(const fetch_options& given, const shared_outputs& with = {});

}  // namespace fanout::cli
