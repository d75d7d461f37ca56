#pragma once

#include "cli/fetch/fetch_options.hpp"

/// \file
/// Which options of `fanout fetch` do not go together.
namespace fanout::cli {

/// Throws `usage_error` where options of bodies, records or pages are given and there is nothing that they are for, and
/// where an output is the list, or another output. `pages`: the output is a page, and not records.
void check_options(const fetch_options& given, bool pages);

}  // namespace fanout::cli
