#pragma once

#include <fanout/fetch/http_options.hpp>
#include <fanout/fetch/journal.hpp>

#include <span>
#include <string>

/// \file
/// What makes a job the same job when it is run again.
namespace fanout::fetch {

/// The inputs: how many URLs and their CRC-32C, and of each list its size and CRC-32C, so it is read once. Throws
/// `std::runtime_error` for a list that cannot be read.
job_identity identity_of_inputs(std::span<const std::string> urls, std::span<const std::string> lists);

/// What of the options changes records: the request, redirects, decoding, limits of a body, and what records hold.
/// Secrets are there as a CRC-32C.
job_identity identity_of_options(const settings& how, const common_request& common);

/// Whether it can be read once more: a file, and no pipe.
bool can_be_read_again(const std::string& list);
/// Whether it can with `request_source::set_sitemap_store`: a sitemap at a URL, or an index.
bool can_be_kept(const std::string& list);

}  // namespace fanout::fetch
