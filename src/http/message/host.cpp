#include "http/message/host.hpp"

#include <fanout/http/detail/text.hpp>

#include "http/message/punycode.hpp"

#include <fmt/format.h>

#include <arpa/inet.h>
#include <idn2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <memory>

namespace fanout::http {
namespace {

int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  const char letter = lower(c);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::string percent_decoded(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded =
        text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (encoded) {
      result += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

bool is_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string_view last_label(std::string_view host) noexcept {
  host = without_trailing_dot(host);
  const std::size_t dot = host.rfind('.');
  return dot == host.npos ? host : host.substr(dot + 1);
}

// One part of an address: decimal, octal after a 0, hexadecimal after 0x (WHATWG URL, "IPv4 number parser").
std::optional<std::uint64_t> parse_part(std::string_view part) {
  if (part.empty()) return std::nullopt;
  int base = 10;
  if (part.size() >= 2 && part[0] == '0') {
    base = lower(part[1]) == 'x' ? 16 : 8;
    part.remove_prefix(base == 16 ? 2 : 1);
    if (part.empty()) return 0;
  }
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(part.data(), part.data() + part.size(), value, base);
  if (end != part.data() + part.size()) return std::nullopt;
  if (failed == std::errc::result_out_of_range) return UINT64_MAX;
  return failed == std::errc{} ? std::optional(value) : std::nullopt;
}

// WHATWG URL, "ends in a number checker".
bool ends_in_number(std::string_view host) {
  const std::string_view last = last_label(host);
  if (last.empty()) return false;
  if (std::all_of(last.begin(), last.end(), is_digit)) return true;
  return last.size() >= 2 && last[0] == '0' && lower(last[1]) == 'x' && parse_part(last).has_value();
}

int convert(const std::string& name, int flags, std::string& into) {
  char* converted = nullptr;
  const int result = idn2_to_ascii_8z(name.c_str(), &converted, flags | IDN2_NFC_INPUT);
  const std::unique_ptr<char, void (*)(void*)> owned(converted, idn2_free);
  if (result == IDN2_OK) into = converted;
  return result;
}

// What transitional processing would write differently: sharp s, final sigma, the zero-width joiners.
bool has_deviation(std::string_view label) noexcept {
  for (const std::string_view each : {"\u00df", "\u1e9e", "\u03c2", "\u200c", "\u200d"})
    if (label.find(each) != label.npos) return true;
  return false;
}

// The library takes symbols, which browsers take and IDNA 2008 does not, in transitional processing only. So a label
// that it refuses is converted by that, if it means the same in both.
int convert_label(const std::string& label, std::string& into) {
  const int result = convert(label, IDN2_NONTRANSITIONAL, into);
  return result == IDN2_DISALLOWED && !has_deviation(label) ? convert(label, IDN2_TRANSITIONAL, into) : result;
}

bool append_decoded(const std::string& ascii, std::u32string& onto) {
  std::uint32_t* decoded = nullptr;
  if (idn2_to_unicode_8z4z(ascii.c_str(), &decoded, 0) != IDN2_OK) return false;
  const std::unique_ptr<std::uint32_t, void (*)(void*)> owned(decoded, idn2_free);
  for (const auto* c = decoded; *c != 0; ++c) onto += static_cast<char32_t>(*c);
  return true;
}

// The library refuses hyphens at the ends of a label and in its third and fourth place, which browsers take. So what is
// between the hyphens is mapped, and the whole is encoded here.
int convert_around_hyphens(const std::string& label, std::string& into) {
  if (equal_ignoring_case(std::string_view(label).substr(0, 4), "xn--")) return IDN2_PUNYCODE_BAD_INPUT;
  std::u32string mapped;
  for (std::string_view rest = label;;) {
    const std::size_t end = rest.find('-');
    std::string part(rest.substr(0, end));
    if (!is_ascii(part)) {
      if (const int result = convert_label(std::string(part), part); result != IDN2_OK) return result;
      if (part.find('.') != part.npos) return IDN2_DOT_IN_LABEL;
    }
    for (char& c : part) c = lower(c);
    if (!append_decoded(part, mapped)) return IDN2_PUNYCODE_BAD_INPUT;
    if (end == rest.npos) break;
    mapped += U'-';
    rest.remove_prefix(end + 1);
  }
  const bool ascii = std::all_of(mapped.begin(), mapped.end(), [](char32_t c) { return c < 0x80; });
  into = ascii ? std::string(mapped.begin(), mapped.end()) : "xn--" + punycode(mapped);
  return IDN2_OK;
}

int convert_labels(const std::string& name, std::string& into) {
  std::string whole;
  // Full stops in other scripts are full stops (UTS 46).
  constexpr std::string_view stops[] = {".", "\u3002", "\uff0e", "\uff61"};
  for (std::string_view rest = name;;) {
    std::size_t end = rest.npos, stop = 0;
    for (const std::string_view each : stops)
      if (const std::size_t found = rest.find(each); found < end) end = found, stop = each.size();
    const std::string label(rest.substr(0, end));
    std::string converted = label;
    if (!is_ascii(label)) {
      int result = convert_label(label, converted);
      if (result == IDN2_HYPHEN_STARTEND || result == IDN2_2HYPHEN) result = convert_around_hyphens(label, converted);
      if (result != IDN2_OK) return result;
    }
    whole += converted;
    if (end == rest.npos) break;
    whole += '.';
    rest.remove_prefix(end + stop);
  }
  into = std::move(whole);
  return IDN2_OK;
}

parsed_host to_ascii(const std::string& name) {
  std::string converted;
  int result = convert(name, IDN2_NONTRANSITIONAL, converted);
  if (result == IDN2_DISALLOWED || result == IDN2_HYPHEN_STARTEND || result == IDN2_2HYPHEN)
    result = convert_labels(name, converted);
  if (result != IDN2_OK)
    return {.error = fmt::format("its host name '{}' cannot be written in ASCII ({})", printable(name),
                                 idn2_strerror(result))};
  return {.text = std::move(converted)};
}

}  // namespace

std::optional<std::uint32_t> parse_ipv4(std::string_view host) {
  host = without_trailing_dot(host);
  std::uint64_t address = 0;
  for (int parts = 1; parts <= 4; ++parts) {
    const std::size_t dot = host.find('.');
    const auto value = parse_part(host.substr(0, dot));
    if (!value) return std::nullopt;
    if (dot == host.npos) {  // the last part fills all the bytes that are left
      const int bytes_left = 5 - parts;
      if (*value >= 1ULL << (8 * bytes_left)) return std::nullopt;
      return static_cast<std::uint32_t>(address << (8 * bytes_left) | *value);
    }
    if (*value > 255) return std::nullopt;
    address = address << 8 | *value;
    host.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

bool may_be_ipv4(std::string_view host) noexcept {
  if (host.ends_with('.')) return true;
  const std::string_view last = last_label(host);
  return last.empty() || is_digit(last.front());
}

bool is_dotted_decimal(std::string_view host) noexcept {
  int parts = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const std::size_t begin = i;
    int value = 0;
    for (; i < host.size() && is_digit(host[i]) && i - begin < 3; ++i) value = value * 10 + (host[i] - '0');
    const std::size_t digits = i - begin;
    if (digits == 0 || value > 255 || (digits > 1 && host[begin] == '0')) return false;
    ++parts;
    if (i == host.size()) return parts == 4;
    if (host[i] != '.') return false;
  }
  return false;
}

bool is_address(std::string_view host) noexcept {
  return host.find(':') != host.npos || is_dotted_decimal(host);
}

std::string_view without_trailing_dot(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

std::string parse_ipv6(std::string_view written) {
  in6_addr address{};
  if (written.find('\0') != written.npos) return {};
  if (::inet_pton(AF_INET6, std::string(written).c_str(), &address) != 1) return {};
  std::array<unsigned, 8> pieces;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    pieces[i] = static_cast<unsigned>(address.s6_addr[2 * i]) << 8 | address.s6_addr[2 * i + 1];
  // The first of the longest runs of zeros that are two or more becomes "::".
  std::size_t longest = 0, longest_at = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::size_t run = 0;
    while (i + run < pieces.size() && pieces[i + run] == 0) ++run;
    if (run > longest) longest = run, longest_at = i;
  }
  std::string text;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (longest > 1 && i == longest_at) {
      text += "::";
      i += longest - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    text += fmt::format("{:x}", pieces[i]);
  }
  return text;
}

parsed_host parse_host(std::string_view written) {
  std::string name = percent_decoded(written);
  if (name.find('\0') != name.npos) return {.error = "its host name contains '\\x00'"};
  if (!is_ascii(name)) {
    parsed_host converted = to_ascii(name);
    if (!converted.error.empty()) return converted;
    name = std::move(converted.text);
  }
  for (char& c : name) c = lower(c);
  if (name.empty()) return {.error = "it names no host"};
  for (const char c : name) {
    const bool allowed = (c >= 'a' && c <= 'z') || is_digit(c) || c == '.' || c == '-' || c == '_';
    if (!allowed) return {.error = fmt::format("its host name contains '{}'", printable({&c, 1}))};
  }
  if (!ends_in_number(name)) return {.text = std::move(name)};
  const auto address = parse_ipv4(name);
  if (!address) return {.error = fmt::format("'{}' ends in a number and is not an IPv4 address", name)};
  return {.text =
              fmt::format("{}.{}.{}.{}", *address >> 24, *address >> 16 & 255, *address >> 8 & 255, *address & 255)};
}

}  // namespace fanout::http
