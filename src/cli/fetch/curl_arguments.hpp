#pragma once

#include "cli/fetch/fetch_options.hpp"
#include "cli/text/command_text.hpp"

#include <string>
#include <vector>

/// \file
/// Curl's command line.
namespace fanout::cli {

/// What one command line of curl asks for: a job for each run of URLs whose pages go to the same place, in order.
struct curl_command {
  std::vector<fetch_options> jobs;
  bool fail_early = false;  ///< what follows a job that fails is not run; each job has one URL then
};

/// Reads the arguments behind `curl`, with curl's short options in one word (`-sSLo FILE`, `-XPOST`), and with its
/// defaults: redirects are not followed without -L, nothing is decoded without --compressed, and there are no time
/// limits. Sets and ranges in URLs are written out, and #1 in the file of such a URL, unless -g is given. After --next,
/// options begin anew. Options are those of `fetch::http_option_table` and `output_option_table`,
/// and curl's own here.
///
/// Throws `usage_error` that names the option or the value.
curl_command parse_curl(const std::vector<std::string>& arguments);

/// What `fanout curl` is, with the options that `parse_curl` knows.
command_text curl_text();

}  // namespace fanout::cli
