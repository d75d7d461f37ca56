#include "http/message/charset.hpp"

#include <fanout/http/detail/text.hpp>

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace fanout::http {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

void append(std::string& out, char32_t c) {
  const auto byte = [&](char32_t bits) { out += static_cast<char>(static_cast<unsigned char>(bits)); };
  if (c < 0x80) return byte(c);
  if (c < 0x800) {
    byte(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      byte(0xE0 | c >> 12);
    } else {
      byte(0xF0 | c >> 18);
      byte(0x80 | (c >> 12 & 0x3F));
    }
    byte(0x80 | (c >> 6 & 0x3F));
  }
  byte(0x80 | (c & 0x3F));
}

// The length of the character at the front, or minus that of the malformed part there (Unicode, table 3-7).
int utf8_sequence(std::string_view rest) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  const unsigned char first = at(0);
  if (first < 0x80) return 1;
  const int length = first >= 0xC2 && first <= 0xDF   ? 2
                     : (first & 0xF0) == 0xE0         ? 3
                     : first >= 0xF0 && first <= 0xF4 ? 4
                                                      : 0;
  if (length == 0) return -1;
  // No surrogates, no longer form than necessary, nothing above U+10FFFF.
  const unsigned char least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned char most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (int i = 1; i < length; ++i) {
    if (static_cast<std::size_t>(i) == rest.size()) return -i;
    const unsigned char next = at(static_cast<std::size_t>(i));
    if (next < (i == 1 ? least : 0x80) || next > (i == 1 ? most : 0xBF)) return -i;
  }
  return length;
}

std::string repaired_utf8(std::string bytes) {
  const std::string_view all = bytes;
  std::size_t good = 0;
  const auto skip_good = [&] {
    while (good < all.size()) {
      const int length = utf8_sequence(all.substr(good));
      if (length < 0) return length;
      good += static_cast<std::size_t>(length);
    }
    return 0;
  };
  int bad = skip_good();
  if (bad == 0) return bytes;
  std::string out;
  std::size_t copied = 0;
  for (; bad != 0; bad = skip_good()) {
    out.append(all.substr(copied, good - copied)).append(replacement);
    copied = good += static_cast<std::size_t>(-bad);
  }
  return out.append(all.substr(copied));
}

constexpr std::array<char16_t, 32> windows_1252_high{0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                                     0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                                     0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                                     0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};

std::string from_windows_1252(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    append(out, byte >= 0x80 && byte < 0xA0 ? char32_t{windows_1252_high[byte - 0x80U]} : char32_t{byte});
  }
  return out;
}

std::string from_utf16(std::string_view bytes, bool big_endian) {
  std::string out;
  const auto unit = [&](std::size_t i) {
    const auto first = static_cast<unsigned char>(bytes[i]), second = static_cast<unsigned char>(bytes[i + 1]);
    return static_cast<char32_t>(big_endian ? first << 8 | second : second << 8 | first);
  };
  std::size_t i = 0;
  for (; i + 1 < bytes.size(); i += 2) {
    const char32_t c = unit(i);
    if (c < 0xD800 || c > 0xDFFF) {
      append(out, c);
    } else if (c < 0xDC00 && i + 3 < bytes.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) <= 0xDFFF) {
      append(out, 0x10000 + ((c & 0x3FF) << 10) + (unit(i + 2) & 0x3FF));
      i += 2;
    } else {
      out.append(replacement);
    }
  }
  if (i < bytes.size()) out.append(replacement);
  return out;
}

enum class kind { utf8, utf16le, utf16be, windows_1252, iconv };

struct charset {
  std::string_view label;
  kind how;
  const char* iconv_name = nullptr;
};

// The labels servers send. What browsers do not read (UTF-7, which smuggles markup) is not here either.
constexpr std::array charsets{
    charset{"utf-8", kind::utf8},
    charset{"utf8", kind::utf8},
    charset{"unicode-1-1-utf-8", kind::utf8},
    charset{"utf-16", kind::utf16le},
    charset{"utf-16le", kind::utf16le},
    charset{"utf-16be", kind::utf16be},
    charset{"windows-1252", kind::windows_1252},
    charset{"cp1252", kind::windows_1252},
    charset{"x-cp1252", kind::windows_1252},
    charset{"iso-8859-1", kind::windows_1252},
    charset{"iso8859-1", kind::windows_1252},
    charset{"latin1", kind::windows_1252},
    charset{"latin-1", kind::windows_1252},
    charset{"l1", kind::windows_1252},
    charset{"us-ascii", kind::windows_1252},
    charset{"ascii", kind::windows_1252},
    charset{"iso-8859-2", kind::iconv, "ISO-8859-2"},
    charset{"latin2", kind::iconv, "ISO-8859-2"},
    charset{"iso-8859-3", kind::iconv, "ISO-8859-3"},
    charset{"iso-8859-4", kind::iconv, "ISO-8859-4"},
    charset{"iso-8859-5", kind::iconv, "ISO-8859-5"},
    charset{"iso-8859-6", kind::iconv, "ISO-8859-6"},
    charset{"iso-8859-7", kind::iconv, "ISO-8859-7"},
    charset{"iso-8859-8", kind::iconv, "ISO-8859-8"},
    charset{"iso-8859-9", kind::iconv, "CP1254"},
    charset{"latin5", kind::iconv, "CP1254"},
    charset{"iso-8859-10", kind::iconv, "ISO-8859-10"},
    charset{"iso-8859-11", kind::iconv, "CP874"},
    charset{"tis-620", kind::iconv, "CP874"},
    charset{"windows-874", kind::iconv, "CP874"},
    charset{"iso-8859-13", kind::iconv, "ISO-8859-13"},
    charset{"iso-8859-14", kind::iconv, "ISO-8859-14"},
    charset{"iso-8859-15", kind::iconv, "ISO-8859-15"},
    charset{"latin-9", kind::iconv, "ISO-8859-15"},
    charset{"iso-8859-16", kind::iconv, "ISO-8859-16"},
    charset{"windows-1250", kind::iconv, "CP1250"},
    charset{"windows-1251", kind::iconv, "CP1251"},
    charset{"cp1251", kind::iconv, "CP1251"},
    charset{"windows-1253", kind::iconv, "CP1253"},
    charset{"windows-1254", kind::iconv, "CP1254"},
    charset{"windows-1255", kind::iconv, "CP1255"},
    charset{"windows-1256", kind::iconv, "CP1256"},
    charset{"windows-1257", kind::iconv, "CP1257"},
    charset{"windows-1258", kind::iconv, "CP1258"},
    charset{"koi8-r", kind::iconv, "KOI8-R"},
    charset{"koi8-u", kind::iconv, "KOI8-U"},
    charset{"ibm866", kind::iconv, "CP866"},
    charset{"macintosh", kind::iconv, "MACINTOSH"},
    charset{"gb2312", kind::iconv, "GB18030"},
    charset{"gbk", kind::iconv, "GB18030"},
    charset{"gb18030", kind::iconv, "GB18030"},
    charset{"big5", kind::iconv, "BIG5-HKSCS"},
    charset{"shift_jis", kind::iconv, "CP932"},
    charset{"shift-jis", kind::iconv, "CP932"},
    charset{"sjis", kind::iconv, "CP932"},
    charset{"x-sjis", kind::iconv, "CP932"},
    charset{"windows-31j", kind::iconv, "CP932"},
    charset{"euc-jp", kind::iconv, "EUC-JP"},
    charset{"iso-2022-jp", kind::iconv, "ISO-2022-JP"},
    charset{"euc-kr", kind::iconv, "CP949"},
    charset{"ks_c_5601-1987", kind::iconv, "CP949"},
};

const charset* find(std::string_view label) noexcept {
  const auto found = std::find_if(charsets.begin(), charsets.end(),
                                  [&](const charset& each) { return equal_ignoring_case(each.label, label); });
  return found == charsets.end() ? nullptr : &*found;
}

class converter {
 public:
  explicit converter(const char* from) : native_(::iconv_open("UTF-8", from)) {}
  converter(const converter&) = delete;
  converter& operator=(const converter&) = delete;
  ~converter() {
    if (usable()) ::iconv_close(native_);
  }
  bool usable() const noexcept { return native_ != no_converter(); }

  std::string convert(std::string_view bytes) {
    std::string out;
    char* in = const_cast<char*>(bytes.data());  // iconv's interface is older than const
    std::size_t left = bytes.size();
    while (left > 0) {
      if (step(&in, &left, out) || left == 0) continue;
      // One byte at a time, as its charset no longer says where the next character begins.
      const bool cut_off = errno == EINVAL;
      out.append(replacement);
      if (cut_off) break;
      ++in;
      --left;
    }
    step(nullptr, nullptr, out);
    return out;
  }

 private:
  static iconv_t no_converter() noexcept { return reinterpret_cast<iconv_t>(std::intptr_t{-1}); }

  // False when it stopped at a malformed character, or at one that is cut off.
  bool step(char** in, std::size_t* left, std::string& out) {
    std::array<char, 4096> buffer;
    char* to = buffer.data();
    std::size_t room = buffer.size();
    const bool stopped = ::iconv(native_, in, left, &to, &room) == static_cast<std::size_t>(-1) && errno != E2BIG;
    const int why = errno;
    out.append(buffer.data(), buffer.size() - room);
    errno = why;
    return !stopped;
  }

  iconv_t native_;
};

}  // namespace

std::string_view charset_of(std::string_view content_type) noexcept {
  while (!content_type.empty()) {
    const auto semicolon = content_type.find(';');
    if (semicolon == content_type.npos) return {};
    content_type.remove_prefix(semicolon + 1);
    while (!content_type.empty() && (content_type.front() == ' ' || content_type.front() == '\t'))
      content_type.remove_prefix(1);
    constexpr std::string_view name = "charset=";
    if (!equal_ignoring_case(content_type.substr(0, name.size()), name)) continue;
    auto value = content_type.substr(name.size());
    if (value.starts_with('"'))
      return value.substr(1, value.find('"', 1) == value.npos ? value.npos : value.find('"', 1) - 1);
    value = value.substr(0, value.find(';'));
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    return value;
  }
  return {};
}

bool is_known_charset(std::string_view label) noexcept {
  return find(label) != nullptr;
}

std::string to_utf8(std::string bytes, std::string_view label) {
  if (bytes.starts_with("\xEF\xBB\xBF")) return repaired_utf8(bytes.substr(3));
  if (bytes.starts_with("\xFE\xFF")) return from_utf16(std::string_view(bytes).substr(2), true);
  if (bytes.starts_with("\xFF\xFE")) return from_utf16(std::string_view(bytes).substr(2), false);
  const charset* const which = find(label);
  switch (which ? which->how : kind::utf8) {
    case kind::utf8:
      break;
    case kind::utf16le:
    case kind::utf16be:
      return from_utf16(bytes, which->how == kind::utf16be);
    case kind::windows_1252:
      return from_windows_1252(bytes);
    case kind::iconv: {
      converter with(which->iconv_name);
      if (with.usable()) return with.convert(bytes);
      break;
    }
  }
  return repaired_utf8(std::move(bytes));
}

}  // namespace fanout::http
