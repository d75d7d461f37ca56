#pragma once

#include "cli/fetch_options.hpp"

/// \file
/// What `fanout fetch` and `fanout curl` do, once their command lines were read.
namespace fanout::cli {

/// Fetches, tells what went wrong, and returns the exit status.
int run_fetch(const fetch_options& given);

}  // namespace fanout::cli
