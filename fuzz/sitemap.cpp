#include "check.hpp"
#include "fetch/sources/sitemap_reader.hpp"

#include <algorithm>
#include <string>
#include <vector>

/// \file
/// A sitemap, whole and in pieces of the size that the first byte says: both give the same.
namespace {

using namespace fanout;
using fuzz::check;

/// False where it is refused.
bool read(std::string_view text, std::size_t piece, std::vector<fetch::sitemap_entry>& found) {
  try {
    fetch::sitemap_reader reader;
    for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece), found);
    reader.finish(found);
    return true;
  } catch (const fetch::sitemap_error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  if (input.empty()) return 0;
  const std::string_view text = std::string_view(input).substr(1);
  std::vector<fetch::sitemap_entry> whole;
  std::vector<fetch::sitemap_entry> pieces;
  const bool read_whole = read(text, std::max<std::size_t>(text.size(), 1), whole);
  const bool read_pieces = read(text, static_cast<unsigned char>(input[0]) + std::size_t{1}, pieces);
  check(read_whole == read_pieces, "pieces do not matter");
  if (!read_whole) return 0;
  check(whole.size() == pieces.size(), "nor for what is found");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    check(whole[i].location == pieces[i].location && !whole[i].location.empty(), "each has a location");
    check(whole[i].is_sitemap == pieces[i].is_sitemap, "and is a page or a sitemap");
  }
  return 0;
}
