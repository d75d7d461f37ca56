#include <fanout/http/detail/text.hpp>

#include <algorithm>

namespace fanout::http {

std::string printable(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::size_t longest = 200;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    if (!is_control(c) && static_cast<unsigned char>(c) < 0x80) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result.append("\\x").append({digits[byte >> 4], digits[byte & 15]});
    }
  }
  if (text.size() > longest) result += "...";
  return result;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) result += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return result;
}

}  // namespace fanout::http
