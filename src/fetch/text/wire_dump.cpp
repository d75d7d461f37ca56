#include "fetch/text/wire_dump.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace fanout::fetch {
namespace {

constexpr std::size_t characters_in_line = 64;
constexpr std::size_t hex_bytes_in_line = 16;

char shown_character(char c) {
  return c >= 0x20 && c < 0x7f ? c : '.';
}

/// Returns how many bytes the line stands for.
std::size_t append_characters(std::string& text, std::string_view bytes) {
  const std::string_view line = bytes.substr(0, characters_in_line);
  const auto end = std::min(bytes.substr(0, characters_in_line + 2).find("\r\n"), line.size());
  std::transform(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(text),
                 shown_character);
  return bytes.substr(end).starts_with("\r\n") ? end + 2 : end;
}

void append_hex(std::string& text, std::string_view line) {
  for (std::size_t i = 0; i < hex_bytes_in_line; ++i) {
    if (i < line.size())
      fmt::format_to(std::back_inserter(text), "{:02x} ", static_cast<unsigned char>(line[i]));
    else
      text += "   ";
  }
  std::transform(line.begin(), line.end(), std::back_inserter(text), shown_character);
}

}  // namespace

void append_dump(std::string& text, std::string_view title, std::string_view bytes, bool in_hex) {
  fmt::format_to(std::back_inserter(text), "{}, {} bytes (0x{:x})\n", title, bytes.size(), bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    fmt::format_to(std::back_inserter(text), "{:04x}: ", at);
    const std::string_view rest = bytes.substr(at);
    if (in_hex) {
      append_hex(text, rest.substr(0, hex_bytes_in_line));
      at += hex_bytes_in_line;
    } else {
      at += append_characters(text, rest);
    }
    text += '\n';
  }
}

}  // namespace fanout::fetch
