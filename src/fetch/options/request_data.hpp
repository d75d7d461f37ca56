#pragma once

#include <fanout/fetch/data_piece.hpp>

#include <string>
#include <string_view>
#include <vector>

/// \file
/// What `-d` and its relatives send.
namespace fanout::fetch {

/// The text itself, or the contents of the file it names after an @; "@-" is standard input. Throws
/// `std::invalid_argument` that names the option when the file cannot be read.
std::string text_or_file(std::string_view option, const std::string& argument);
/// The contents of a file; "-" is standard input. Throws likewise; without a name where `option` is empty.
std::string file_contents(std::string_view option, const std::string& path);

/// The pieces in the order given, joined as curl does: with & between them, those of JSON with nothing between them.
std::string joined_data(const std::vector<data_piece>& pieces);

/// A piece of a query, as `--url-query` takes it: "name=value" as `--data-urlencode` encodes it, "+text" as it is.
std::string query_piece(const std::string& argument);

}  // namespace fanout::fetch
