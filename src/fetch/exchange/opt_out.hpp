#pragma once

#include <fanout/http/headers.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Servers that do not want their pages to be used for something.
namespace fanout::fetch {

/// The words of a list with commas: "noai, noimageai", in lower case. Throws `std::invalid_argument` for one that is
/// none.
std::vector<std::string> opt_out_words(std::string_view list);

/// The first of `heeded` that an X-Robots-Tag of the response says, of all robots or of fanout; empty: none. Tags of
/// other robots ("otherbot: noai") are theirs.
std::string_view opted_out(const http::headers& header, std::span<const std::string> heeded);

}  // namespace fanout::fetch
