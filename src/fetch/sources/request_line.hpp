#pragma once

#include <fanout/fetch/record.hpp>

#include <string_view>

namespace fanout::fetch {

/// As `parse_request` (request_source.hpp) says.
request request_of_line(std::string_view line, bool passthrough);
/// The same into `made`, which is new: a request is large to move.
void read_request(std::string_view line, bool passthrough, request& made);

/// Without the blanks at its ends.
std::string_view without_blanks(std::string_view line);

}  // namespace fanout::fetch
