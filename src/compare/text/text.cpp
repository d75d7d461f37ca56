#include <fanout/compare/detail/text.hpp>

#include <fmt/format.h>

namespace fanout::detail {

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (c >= ' ' && c <= '~')
      shown += c;
    else
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return shown;
}

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string lines;
  while (!text.empty()) {
    std::size_t size = text.size();
    if (size > width) {
      size = text.rfind(' ', width);
      if (size == text.npos || size == 0) size = width;
    }
    if (!lines.empty()) lines += '\n';
    lines.append(indent, ' ').append(text.substr(0, size));
    text.remove_prefix(size);
    while (text.starts_with(' ')) text.remove_prefix(1);
  }
  return lines;
}

}  // namespace fanout::detail
