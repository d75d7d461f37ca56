#include <fanout/base/failure.hpp>
#include <fanout/fetch/url_key.hpp>
#include <fanout/http/url.hpp>

#include <cstddef>

namespace fanout::fetch {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool is_unreserved(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_normalised(std::string& into, std::string_view target) {
  constexpr std::string_view capitals = "0123456789ABCDEF";
  for (std::size_t i = 0; i < target.size(); ++i) {
    const int high = target[i] == '%' && i + 2 < target.size() ? digit_of(target[i + 1]) : -1;
    const int low = high >= 0 ? digit_of(target[i + 2]) : -1;
    if (low < 0) {
      into += target[i];
      continue;
    }
    const int value = high * 16 + low;
    if (is_unreserved(value)) {
      into += static_cast<char>(value);
    } else {
      into += '%';
      into += capitals[static_cast<std::size_t>(high)];
      into += capitals[static_cast<std::size_t>(low)];
    }
    i += 2;
  }
}

}  // namespace

std::string url_key(std::string_view text) {
  try {
    const http::url url(text);
    std::string key;
    key.reserve(url.str().size());
    if (!url.userinfo().empty()) (key += url.userinfo()) += '@';
    key += url.origin();
    append_normalised(key, url.target());
    return key;
  } catch (const error&) {
    return std::string(text);
  }
}

}  // namespace fanout::fetch
