#pragma once

#include <fanout/fetch/exchange.hpp>

#include "cli/fetch_options.hpp"

#include <string>
#include <vector>

/// \file
/// From options to what every request has in common, with curl's habits.
namespace fanout::cli {

/// `-H`, `--cookie`, and what a body says of itself.
struct common_request {
  std::string method;                ///< empty: GET, or POST with a body
  fetch::header_list headers;        ///< 'Name: value', and 'Name;' for one without a value
  std::vector<std::string> without;  ///< 'Name:': headers that are not sent
  std::string body;                  ///< `-d` or `--json`, the pieces joined
  std::string content_type;          ///< of that body, where no header says another
};

/// Throws `usage_error` that names the option, the value, and what is accepted.
common_request request_of(const fetch_options& given);

/// Whether `request_of` reads a body from standard input (`@-`).
bool reads_standard_input(const fetch_options& given);

/// `--cookie` arguments without '=', which name files.
std::vector<std::string> cookie_files(const fetch_options& given);

}  // namespace fanout::cli
