#pragma once

#include <fanout/fetch/record.hpp>

#include <string_view>

namespace fanout::fetch {

/// As `parse_request` (request_source.hpp) says.
request request_of_line(std::string_view line, bool passthrough);
/// The same into `made`, which is new: a request is large to move. `line` has no blanks at its ends.
void read_request(std::string_view line, bool passthrough, request& made);

/// Without the blanks at its ends.
inline std::string_view without_blanks(std::string_view line) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

}  // namespace fanout::fetch
