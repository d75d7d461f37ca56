#include <fanout/base/failure.hpp>
#include <fanout/http/detail/text.hpp>
#include <fanout/http/url.hpp>

#include "http/message/host.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace fanout::http {
namespace {

// What each byte is to the parser of plain URLs and to the repair of others.
enum : std::uint8_t {
  in_host = 1,      // lower-case letters, digits, '.', '-', '_': a host name as it is sent
  in_target = 2,    // stands for itself in a path and in a query, and means nothing to the parser
  coded_path = 4,   // percent-encoded in a path (WHATWG URL, "path percent-encode set")
  coded_query = 8,  // percent-encoded in a query ("special-query percent-encode set")
};

constexpr auto url_byte_classes = [] {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&](std::string_view which, std::uint8_t as) {
    for (const char c : which) classes[static_cast<unsigned char>(c)] |= as;
  };
  mark("abcdefghijklmnopqrstuvwxyz0123456789.-_", in_host | in_target);
  mark("ABCDEFGHIJKLMNOPQRSTUVWXYZ", in_target);
  mark("~!$&()*+,;=:@/?", in_target);
  mark("\"#<>?`{}^", coded_path);
  mark("\"#<>'", coded_query);
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (i <= ' ' || i >= 0x7f) classes[i] = coded_path | coded_query;
  return classes;
}();

bool is(char c, std::uint8_t what) noexcept {
  return url_byte_classes[static_cast<unsigned char>(c)] & what;
}

bool is_hex(char c) noexcept {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

bool is_slash(char c) noexcept {
  return c == '/' || c == '\\';
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

// User names and passwords stay out of messages.
std::string without_user(std::string_view text) {
  const std::string_view scheme = scheme_of(text);
  std::size_t begin = scheme.empty() ? 0 : scheme.size() + 1;
  while (begin < text.size() && is_slash(text[begin])) ++begin;
  const std::size_t at = text.substr(0, text.find_first_of("/?#\\", begin)).rfind('@');
  if (at == text.npos || at < begin) return std::string(text);
  return std::string(text.substr(0, begin)).append("***").append(text.substr(at));
}

[[noreturn]] void refuse_url(std::string_view text, const std::string& why) {
  throw error(failure_kind::invalid_request,
              "the URL '" + printable(without_user(text)) + "' cannot be fetched: " + why);
}

constexpr std::string_view dropped_anywhere = "\t\n\r";

// What browsers drop: spaces and controls around a URL, tabs and ends of line in it. `storage` holds what is left of
// one that had any.
std::string_view cleaned(std::string_view text, std::string& storage) {
  const auto is_outer = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  while (!text.empty() && is_outer(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_outer(text.back())) text.remove_suffix(1);
  if (text.find_first_of(dropped_anywhere) == text.npos) return text;
  storage.assign(text);
  std::erase_if(storage, [](char c) { return dropped_anywhere.find(c) != dropped_anywhere.npos; });
  return storage;
}

void percent_encode(std::string& onto, std::string_view text, std::uint8_t which) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if (!is(c, which)) {
      onto += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      onto.append("%").append({digits[byte >> 4], digits[byte & 15]});
    }
  }
}

// A '%' that encodes nothing stands for itself, in a URL as in a user name.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    unsigned byte = 0;
    if (encoded) std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    result += encoded ? static_cast<char>(byte) : text[i];
    if (encoded) i += 2;
  }
  return result;
}

std::uint16_t checked_port(std::string_view whole, std::string_view digits) {
  unsigned port = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failed != std::errc{} || end != digits.data() + digits.size() || port == 0 || port > 65535)
    refuse_url(whole, "the port '" + printable(digits) + "' is not a number from 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

std::string checked_host(std::string_view whole, std::string_view host, bool bracketed) {
  if (host.empty()) refuse_url(whole, "it names no host");
  if (bracketed) {
    std::string address = parse_ipv6(host);
    if (address.empty()) refuse_url(whole, "'" + printable(host) + "' is not an IPv6 address");
    return address;
  }
  parsed_host parsed = parse_host(host);
  if (!parsed.error.empty()) refuse_url(whole, parsed.error);
  return std::move(parsed.text);
}

// Cuts the zone off the text of an IPv6 address. It is written "%25eth0" (RFC 6874), and by many "%eth0".
std::string_view cut_zone(std::string_view whole, std::string_view& address) {
  const std::size_t mark = address.find('%');
  if (mark == address.npos) return {};
  std::string_view zone = address.substr(mark + 1);
  address = address.substr(0, mark);
  if (zone.size() > 2 && zone.starts_with("25")) zone.remove_prefix(2);
  const auto allowed = [](char c) { return is(lower(c), in_host) || c == '~'; };
  // The system's names of interfaces have at most 15 bytes (IFNAMSIZ).
  if (zone.empty() || zone.size() > 15 || !std::all_of(zone.begin(), zone.end(), allowed))
    refuse_url(whole, "the zone '" + printable(zone) + "' of its IPv6 address is no name of a network interface");
  return zone;
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

// Path and query as they are sent, of what follows the authority of a URL. A backslash in a path is a slash to
// browsers: what comes after one must not look like a host to us and like a path to them, or the reverse.
std::string written_target(std::string_view text) {
  const std::size_t mark = std::min(text.find('?'), text.size());
  std::string path(text.substr(0, mark));
  std::replace(path.begin(), path.end(), '\\', '/');
  std::string result;
  result.reserve(text.size() + 16);
  if (!path.starts_with('/')) result += '/';
  percent_encode(result, path, coded_path);
  if (mark == text.size()) return result;
  result += '?';
  percent_encode(result, text.substr(mark + 1), coded_query);
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

}  // namespace

url::url(std::string_view text) {
  if (!parse_plain(text)) parse_general(text, false);
}

void url::assign(std::string_view text) {
  if (!parse_plain(text)) *this = url(text);
}

url url::with_dots(std::string_view text) {
  url made;
  made.parse_general(text, true);
  return made;
}

std::string_view url::authority() const noexcept {
  const std::size_t begin = secure_ ? 8 : 7;
  return text_.empty() ? std::string_view{} : std::string_view(text_).substr(begin, target_begin_ - begin);
}

std::string url::host_header() const {
  std::string result(authority());
  if (zone_size_ > 0) result.erase(1 + host_size_, zone_mark.size() + zone_size_);
  return result;
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
  text_.assign(text.substr(0, i));
  host_begin_ = static_cast<std::uint8_t>(begin);
  host_size_ = static_cast<std::uint32_t>(host_size);
  target_begin_ = static_cast<std::uint32_t>(target);
  port_ = static_cast<std::uint16_t>(port);
  secure_ = secure;
  zone_size_ = 0;
  userinfo_.clear();
  return true;
}

void url::parse_general(std::string_view given, bool keeps_dots) {
  std::string storage;
  const std::string_view whole = cleaned(given, storage);
  if (whole.empty()) refuse_url(whole, "it is empty");
  if (whole.size() > 1024 * 1024) refuse_url(whole, "it is longer than 1 MiB");
  const std::string_view scheme = scheme_of(whole);
  const bool secure = equal_ignoring_case(scheme, "https");
  if (!secure && !equal_ignoring_case(scheme, "http")) {
    if (scheme.empty() || !whole.substr(scheme.size()).starts_with("://"))
      refuse_url(whole, "it has no scheme; write http:// or https:// before it");
    refuse_url(whole, "the scheme '" + printable(scheme) + "' is not supported, only http and https are");
  }
  // However many slashes there are: browsers find the host behind them.
  std::string_view rest = whole.substr(scheme.size() + 1);
  while (!rest.empty() && is_slash(rest.front())) rest.remove_prefix(1);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t authority_size = std::min(rest.find_first_of("/?\\"), rest.size());
  std::string_view authority = rest.substr(0, authority_size);
  std::string target = written_target(rest.substr(authority_size));
  if (!keeps_dots && (target.find("/.") != std::string::npos || target.find("/%2") != std::string::npos))
    target = without_dot_segments(target);

  const std::size_t at = authority.rfind('@');
  std::string userinfo;
  if (at != std::string_view::npos) {
    userinfo = decoded(authority.substr(0, at));
    if (authority.substr(0, at).find(':') == std::string_view::npos) userinfo += ':';
    authority.remove_prefix(at + 1);
    if (std::any_of(userinfo.begin(), userinfo.end(), is_control))
      refuse_url(whole, "its user name or password contains a control character");
    if (userinfo == ":") userinfo.clear();
  }
  const bool bracketed = authority.starts_with('[');
  std::size_t host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos) refuse_url(whole, "the ']' after its IPv6 address is missing");
  host_end = std::min(host_end, authority.size());
  std::string_view written = authority.substr(bracketed, host_end - bracketed);
  const std::string_view zone = bracketed ? cut_zone(whole, written) : std::string_view{};
  const std::string host = checked_host(whole, written, bracketed);
  std::string_view port = authority.substr(host_end + bracketed);
  if (!port.empty() && port.front() != ':') refuse_url(whole, "there is '" + printable(port) + "' after its host");
  if (!port.empty()) port.remove_prefix(1);
  const std::uint16_t default_port = secure ? 443 : 80;

  port_ = port.empty() ? default_port : checked_port(whole, port);
  secure_ = secure;
  userinfo_ = std::move(userinfo);
  text_ = secure ? "https://" : "http://";
  host_begin_ = static_cast<std::uint8_t>(text_.size() + bracketed);
  host_size_ = static_cast<std::uint32_t>(host.size());
  zone_size_ = static_cast<std::uint8_t>(zone.size());
  text_.append(bracketed ? "[" : "").append(host);
  if (!zone.empty()) text_.append(zone_mark).append(zone);
  if (bracketed) text_ += ']';
  if (port_ != default_port) text_ += ":" + std::to_string(port_);
  target_begin_ = static_cast<std::uint32_t>(text_.size());
  text_ += target;
}

url url::resolve(std::string_view reference) const {
  std::string storage;
  std::string_view text = cleaned(reference, storage);
  if (const std::string_view named = scheme_of(text); !named.empty()) {
    // A scheme of its own makes a reference absolute, unless it is the page's and no "//" follows.
    const std::string_view rest = text.substr(named.size() + 1);
    if (!equal_ignoring_case(named, scheme()) || rest.starts_with("//")) return url(text);
    text = rest;
  }
  const bool from_root = !text.empty() && is_slash(text.front());
  if (from_root && text.size() > 1 && is_slash(text[1])) return url(std::string(scheme()).append(":").append(text));
  if (from_root) return url(std::string(origin()).append(text));
  std::string_view base = target();
  base = base.substr(0, base.find('?'));
  std::string result(origin());
  if (text.empty() || text.front() == '#') return url(result.append(target()));
  if (text.front() == '?') return url(result.append(base).append(text));
  return url(result.append(base.substr(0, base.rfind('/') + 1)).append(text));
}

}  // namespace fanout::http
