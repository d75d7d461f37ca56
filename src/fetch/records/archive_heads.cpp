#include "fetch/records/archive_heads.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace fanout::fetch {
namespace {

constexpr std::size_t most_head = 256 * 1024;
constexpr std::size_t record_end = 4;  // two ends of lines behind each block

}  // namespace

std::string_view field_in(std::string_view lines, std::string_view name) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    const auto colon = line.find(':');
    if (colon == line.npos || !boost::beast::iequals(line.substr(0, colon), name)) continue;
    auto value = line.substr(colon + 1);
    const auto first = std::min(value.find_first_not_of(" \t"), value.size());
    value.remove_prefix(first);
    return value.substr(0, value.find_last_not_of(" \t") + 1);
  }
  return {};
}

void archive_heads::feed(std::string_view bytes) {
  const auto passed = static_cast<std::size_t>(std::min<std::uint64_t>(passing_, bytes.size()));
  passing_ -= passed;
  pending_ += bytes.substr(passed);
  std::string_view left = pending_;
  while (passing_ == 0 && take_record(left)) continue;
  pending_.erase(0, pending_.size() - left.size());
}

/// False where more bytes are needed.
bool archive_heads::take_record(std::string_view& left) {
  const auto head_end = left.find("\r\n\r\n");
  constexpr std::string_view magic = "WARC/1.";
  const bool fits = left.substr(0, magic.size()) == magic.substr(0, left.size());
  if (!fits || (head_end == left.npos && left.size() > most_head))
    throw std::runtime_error("it is no web archive, or broken");
  if (head_end == left.npos) return false;
  const std::string_view head = left.substr(0, head_end + 2);
  const auto fields = head.substr(std::min(head.find("\r\n") + 2, head.size()));
  const auto length_text = field_in(fields, "content-length");
  std::uint64_t length = 0;
  if (std::from_chars(length_text.data(), length_text.data() + length_text.size(), length).ec != std::errc())
    throw std::runtime_error("a record of the archive has no length");
  const std::size_t block = head_end + 4;
  const std::size_t wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, most_head));
  if (left.size() - block < wanted) return false;
  found_({fields, left.substr(block, wanted)});
  const std::uint64_t whole = block + length + record_end;
  const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(whole, left.size()));
  passing_ = whole - here;
  left.remove_prefix(here);
  return true;
}

}  // namespace fanout::fetch
