#pragma once

#include <fanout/core/shape.hpp>
#include <fanout/fetch/exchange.hpp>

#include "cli/fetch_options.hpp"
#include "cli/fetch_request.hpp"

/// \file
/// From the command line of `fanout fetch` to the settings of its exchanges.
namespace fanout::cli {

/// The exchange's settings. `common` is what `request_of` made of the same options. Throws `usage_error` that names the
/// option, the value, and what is accepted.
fetch::settings settings_of(const fetch_options& given, const common_request& common, const shape& how);

}  // namespace fanout::cli
