#pragma once

#include <string>
#include <string_view>

/// \file
/// Not for users. Small helpers for protocol text: ASCII only, never the locale.
namespace fanout::http {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

constexpr bool equal_ignoring_case(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i)
    if (lower(left[i]) != lower(right[i])) return false;
  return true;
}

/// C0 controls and DEL.
constexpr bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/// A `tchar` of RFC 9110 section 5.6.2: what methods and header names are made of.
constexpr bool is_token_char(char c) noexcept {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

constexpr bool is_token(std::string_view text) noexcept {
  for (const char c : text)
    if (!is_token_char(c)) return false;
  return !text.empty();
}

/// Without the blanks and tabs around it: OWS of RFC 9110 section 5.6.3.
constexpr std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// `text` for a message: at most 200 bytes, everything but printable ASCII as \xHH.
std::string printable(std::string_view text);

std::string base64(std::string_view bytes);

}  // namespace fanout::http
