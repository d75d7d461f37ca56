#include "fetch/records/archive_heads.hpp"

#include "check.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

/// \file
/// An archive, whole and in pieces of the size that the first byte says: both find the same records.
namespace {

using namespace fanout;
using fuzz::check;

/// False where it is refused.
bool read(std::string_view text, std::size_t piece, std::vector<std::string>& found) {
  fetch::archive_heads heads([&](const fetch::archive_head& each) {
    found.push_back(std::string(each.fields) + "|" + std::string(each.block));
    check(fetch::field_in(each.fields, "content-length").data() != nullptr, "a record has a length");
  });
  try {
    for (std::size_t at = 0; at < text.size(); at += piece) heads.feed(text.substr(at, piece));
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = fuzz::text_of(data, size);
  if (input.empty()) return 0;
  const std::string_view text = std::string_view(input).substr(1);
  std::vector<std::string> whole;
  std::vector<std::string> pieces;
  const bool read_whole = read(text, std::max<std::size_t>(text.size(), 1), whole);
  const bool read_pieces = read(text, static_cast<unsigned char>(input[0]) + std::size_t{1}, pieces);
  check(read_whole == read_pieces, "pieces do not matter");
  if (read_whole) check(whole == pieces, "nor for what is found");
  return 0;
}
