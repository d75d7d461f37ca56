#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/url.hpp>

#include "http/message/host.hpp"

#include <boost/url.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace fanout::http {
namespace {

namespace urls = boost::urls;

// What each byte is to the parser of plain URLs and to the repair of others.
enum : std::uint8_t {
  in_host = 1,    // lower-case letters, digits, '.', '-', '_': a host name as it is sent
  in_target = 2,  // allowed in a path or query as it stands (RFC 3986), '%' excluded
};

constexpr auto byte_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&](std::string_view which, std::uint8_t as) {
    for (const char c : which) classes[static_cast<unsigned char>(c)] |= as;
  };
  mark("abcdefghijklmnopqrstuvwxyz0123456789.-_", in_host | in_target);
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZ", in_target);
  mark("~!$&'()*+,;=:@/?", in_target);
  return classes;
}();

bool is(char c, std::uint8_t what) noexcept {
  return byte_classes[static_cast<unsigned char>(c)] & what;
}

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

// User names and passwords stay out of messages.
std::string without_user(std::string_view text) {
  const std::size_t slashes = text.find("//");
  const std::size_t begin = slashes == text.npos ? 0 : slashes + 2;
  const std::size_t at = text.substr(0, text.find_first_of("/?#\\", begin)).rfind('@');
  if (at == text.npos || at < begin) return std::string(text);
  return std::string(text.substr(0, begin)).append("***").append(text.substr(at));
}

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw error(failure_kind::invalid_request,
              "the URL '" + printable(without_user(text)) + "' cannot be fetched: " + why);
}

std::string_view trim_spaces(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

void refuse_controls(std::string_view text) {
  for (const char c : text)
    if (is_control(c)) refuse(text, "it contains a control character");
}

// Percent-encodes what RFC 3986 does not allow, as a browser does, and leaves what is encoded already.
std::string repair(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size() + 16);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool encoded = c == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    if (encoded || is(c, in_target)) {
      result += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      result.append("%").append({digits[byte >> 4], digits[byte & 15]});
    }
  }
  return result;
}

std::uint16_t checked_port(std::string_view whole, std::string_view digits) {
  unsigned port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size() || port == 0 || port > 65535)
    refuse(whole, "the port '" + printable(digits) + "' is not a number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

std::string checked_host(std::string_view whole, std::string_view host, bool bracketed) {
  if (host.empty()) refuse(whole, "it names no host");
  if (bracketed) {
    std::string address = parse_ipv6(host);
    if (address.empty()) refuse(whole, "'" + printable(host) + "' is not an IPv6 address");
    return address;
  }
  parsed_host parsed = parse_host(host);
  if (!parsed.error.empty()) refuse(whole, parsed.error);
  return std::move(parsed.text);
}

// A segment of dots, also where they are percent-encoded, as browsers see it; 0 for any other.
int dots_in(std::string_view segment) noexcept {
  int dots = 0;
  while (!segment.empty() && dots < 3) {
    if (segment.front() == '.')
      segment.remove_prefix(1);
    else if (segment.size() >= 3 && segment[0] == '%' && segment[1] == '2' && lower(segment[2]) == 'e')
      segment.remove_prefix(3);
    else
      return 0;
    ++dots;
  }
  return segment.empty() ? dots : 0;
}

// A backslash in a path is a slash to browsers: what comes after one must not look like a host to us and like a path
// to them, or the reverse.
std::string with_slashes(std::string_view text) {
  std::string result(text);
  const auto end = result.begin() + static_cast<std::ptrdiff_t>(std::min(result.find_first_of("?#"), result.size()));
  std::replace(result.begin(), end, '\\', '/');
  return result;
}

// RFC 3986 section 5.2.4, on the path of a target that begins with '/'.
std::string without_dot_segments(std::string_view target) {
  const std::size_t path_size = std::min(target.find('?'), target.size());
  std::string result;
  for (std::size_t begin = 1; begin <= path_size;) {
    const std::size_t end = std::min(target.find('/', begin), path_size);
    const std::string_view segment = target.substr(begin, end - begin);
    const int dots = dots_in(segment);
    if (dots == 2) result.resize(std::min(result.rfind('/'), result.size()));
    if (dots == 1 || dots == 2) {
      if (end == path_size) result += '/';
    } else {
      result.append("/").append(segment);
    }
    begin = end + 1;
  }
  return result.append(target.substr(path_size));
}

// The scheme, or empty when `text` does not begin with one (RFC 3986 section 3.1).
std::string_view scheme_of(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':') return text.substr(0, i);
    const bool letter = lower(c) >= 'a' && lower(c) <= 'z';
    if (!letter && (i == 0 || ((c < '0' || c > '9') && c != '+' && c != '-' && c != '.'))) break;
  }
  return {};
}

std::string decoded(std::string_view text) {
  urls::pct_string_view view(text);
  return view.decode();
}

}  // namespace

url::url(std::string_view text) {
  if (!parse_plain(text)) parse_general(text);
}

std::string_view url::authority() const noexcept {
  const std::size_t begin = secure_ ? 8 : 7;
  return text_.empty() ? std::string_view{} : std::string_view(text_).substr(begin, target_begin_ - begin);
}

std::string url::host_and_port() const {
  const bool is_v6 = host().find(':') != std::string_view::npos;
  std::string result = is_v6 ? "[" : "";
  return result.append(host()).append(is_v6 ? "]:" : ":").append(std::to_string(port_));
}

// One pass over a URL that needs no repair, which is nearly every URL of a list: lower-case scheme and host, no user,
// no brackets, no dot segments. Anything else, and every malformed URL, is left to parse_general().
bool url::parse_plain(std::string_view text) {
  const bool secure = text.starts_with("https://");
  if (!secure && !text.starts_with("http://")) return false;
  const std::size_t begin = secure ? 8 : 7;
  std::size_t i = begin;
  while (i < text.size() && is(text[i], in_host)) ++i;
  const std::size_t host_size = i - begin;
  if (host_size == 0 || host_size > 253) return false;
  const std::string_view host = text.substr(begin, host_size);
  if (may_be_ipv4(host) && !is_dotted_decimal(host)) return false;
  const unsigned default_port = secure ? 443 : 80;
  unsigned port = default_port;
  if (i < text.size() && text[i] == ':') {
    port = 0;
    const std::size_t digits = ++i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9' && i - digits < 5)
      port = port * 10 + static_cast<unsigned>(text[i++] - '0');
    if (i == digits || text[digits] == '0' || port > 65535 || port == default_port) return false;
  }
  const std::size_t target = i;
  if (i == text.size() || text[i] != '/') return false;
  for (; i < text.size() && text[i] != '#'; ++i) {
    // After a slash, perhaps a dot segment, in plain or percent-encoded.
    if (is(text[i], in_target)) {
      if (text[i] == '.' && text[i - 1] == '/') return false;
      continue;
    }
    if (text[i] != '%' || i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    if (text[i - 1] == '/' && text[i + 1] == '2') return false;
  }
  for (std::size_t k = i; k < text.size(); ++k)
    if (is_control(text[k])) return false;
  text_.assign(text.substr(0, i));
  host_begin_ = static_cast<std::uint8_t>(begin);
  host_size_ = static_cast<std::uint32_t>(host_size);
  target_begin_ = static_cast<std::uint32_t>(target);
  port_ = static_cast<std::uint16_t>(port);
  secure_ = secure;
  return true;
}

void url::parse_general(std::string_view whole) {
  const std::string_view text = trim_spaces(whole);
  if (text.empty()) refuse(whole, "it is empty");
  if (text.size() > 1024 * 1024) refuse(whole, "it is longer than 1 MiB");
  refuse_controls(whole);
  const std::string_view scheme = scheme_of(text);
  const bool secure = equal_ignoring_case(scheme, "https");
  if (!secure && !equal_ignoring_case(scheme, "http")) {
    if (scheme.empty() || !text.substr(scheme.size()).starts_with("://"))
      refuse(whole, "it has no scheme; write http:// or https:// before it");
    refuse(whole, "the scheme '" + printable(scheme) + "' is not supported, only http and https are");
  }
  std::string_view rest = text.substr(scheme.size() + 1);
  if (!rest.starts_with("//")) refuse(whole, "'//' is missing after the scheme");
  rest.remove_prefix(2);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t authority_size = std::min(rest.find_first_of("/?\\"), rest.size());
  std::string_view authority = rest.substr(0, authority_size);
  std::string target = repair(with_slashes(rest.substr(authority_size)));
  if (target.empty() || target.front() != '/') target.insert(target.begin(), '/');
  if (target.find("/.") != std::string::npos || target.find("/%2") != std::string::npos)
    target = without_dot_segments(target);

  const std::size_t at = authority.rfind('@');
  if (at != std::string_view::npos) {
    std::string user = repair(authority.substr(0, at));
    authority.remove_prefix(at + 1);
    if (user.find(':') == std::string::npos) user += ':';
    userinfo_ = decoded(user);
    if (std::any_of(userinfo_.begin(), userinfo_.end(), is_control))
      refuse(whole, "its user name or password contains a control character");
  }
  const bool bracketed = authority.starts_with('[');
  std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos) refuse(whole, "the ']' after its IPv6 address is missing");
  host_end = std::min(host_end, authority.size());
  const std::string host = checked_host(whole, authority.substr(bracketed, host_end - bracketed), bracketed);
  std::string_view port = authority.substr(host_end + bracketed);
  if (!port.empty() && port.front() != ':') refuse(whole, "there is '" + printable(port) + "' after its host");
  if (!port.empty()) port.remove_prefix(1);
  const std::uint16_t default_port = secure ? 443 : 80;

  port_ = port.empty() ? default_port : checked_port(whole, port);
  secure_ = secure;
  text_ = secure ? "https://" : "http://";
  host_begin_ = static_cast<std::uint8_t>(text_.size() + bracketed);
  host_size_ = static_cast<std::uint32_t>(host.size());
  text_ += bracketed ? "[" + host + "]" : host;
  if (port_ != default_port) text_ += ":" + std::to_string(port_);
  target_begin_ = static_cast<std::uint32_t>(text_.size());
  text_ += target;

  // Boost.URL has the last word on the syntax.
  if (const auto parsed = urls::parse_uri(text_); !parsed)
    refuse(whole, "it is malformed: " + parsed.error().message());
}

url url::resolve(std::string_view reference) const {
  refuse_controls(reference);
  const std::string repaired = with_slashes(trim_spaces(reference));
  const std::string_view text = repaired;
  if (!scheme_of(text).empty()) return url(text);
  if (text.starts_with("//")) return url(std::string(scheme()).append(":").append(text));
  if (text.starts_with('/')) return url(std::string(origin()).append(text));
  std::string_view base = target();
  base = base.substr(0, base.find('?'));
  std::string result(origin());
  if (text.empty() || text.front() == '#') return url(result.append(target()));
  if (text.front() == '?') return url(result.append(base).append(text));
  return url(result.append(base.substr(0, base.rfind('/') + 1)).append(text));
}

}  // namespace fanout::http
