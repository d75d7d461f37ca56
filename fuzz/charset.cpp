#include "http/message/charset.hpp"

#include "check.hpp"

#include <algorithm>
#include <array>
#include <string>

/// \file
/// The first byte chooses a charset, or (above) says that a label is in the input, up to its first line feed. Whatever
/// the bytes are, what comes out is UTF-8, and UTF-8 that is well-formed stays as it is.
namespace {

using namespace fanout;
using fuzz::check;

constexpr std::array labels{"utf-8",  "utf-16le", "utf-16be", "windows-1252", "koi8-r",     "shift_jis",
                            "euc-jp", "gb18030",  "big5",     "euc-kr",       "iso-2022-jp"};

bool has_mark(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") || text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string_view input = fuzz::text_of(data + 1, size - 1);
  std::string_view label;
  if (data[0] < labels.size()) {
    label = labels[data[0]];
  } else {
    const auto line = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), line.size() + 1));
    label = http::charset_of(line);
  }
  const std::string text = http::to_utf8(std::string(input), label);
  check(text.size() <= 4 * input.size() + 3, "text does not grow without bound");
  if (has_mark(text)) return 0;
  check(http::to_utf8(text, "") == text, "what comes out is well-formed");
  return 0;
}
