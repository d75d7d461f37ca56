#include <fanout/fetch/remote_name.hpp>

#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace fanout::fetch {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// "UTF-8'en'%e2%82%ac%20rates"; none where it is something else.
std::optional<std::string> extended_value(std::string_view text) {
  const auto first = text.find('\'');
  const auto second = first == text.npos ? first : text.find('\'', first + 1);
  if (second == text.npos || !boost::beast::iequals(text.substr(0, first), "utf-8")) return std::nullopt;
  text.remove_prefix(second + 1);
  std::string made;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      made += text[at];
      continue;
    }
    const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1;
    const int low = at + 2 < text.size() ? hex_digit(text[at + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    made += static_cast<char>(high * 16 + low);
    at += 2;
  }
  if (!is_utf8(made)) return std::nullopt;
  return made;
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

/// A token or a quoted string off the front of `rest`.
std::string take_value(std::string_view& rest) {
  std::string made;
  if (!rest.starts_with('"')) {
    const auto end = std::min(rest.find(';'), rest.size());
    made = rest.substr(0, end);
    made.resize(made.find_last_not_of(" \t") + 1);
    rest.remove_prefix(end);
    return made;
  }
  std::size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
    made += rest[at];
  }
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return made;
}

}  // namespace

std::string safe_file_name(std::string_view name) {
  constexpr std::size_t longest = 240;  // of 255, so that ".part" and a number fit behind it
  if (const auto slash = name.find_last_of("/\\"); slash != name.npos) name.remove_prefix(slash + 1);
  std::string made;
  for (const char c : name) made += is_control(c) ? '_' : c;
  if (made.size() > longest) {
    made.resize(longest);
    while (!made.empty() && !is_utf8(made) && made.size() > longest - 4) made.pop_back();
  }
  for (std::size_t at = 0; at < made.size() && made[at] == '.'; ++at) made[at] = '_';
  if (!made.empty() && made.front() == '-') made.front() = '_';
  return made;
}

std::string name_from_url(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  const auto scheme = url.find("://");
  if (scheme != url.npos) url.remove_prefix(scheme + 3);
  const auto slash = url.rfind('/');
  return slash == url.npos ? std::string() : safe_file_name(url.substr(slash + 1));
}

std::string name_from_disposition(std::string_view value) {
  std::string plain, extended;
  value.remove_prefix(std::min(value.find(';'), value.size()));
  while (value.starts_with(';')) {
    value.remove_prefix(1);
    skip_blanks(value);
    const auto end = value.find_first_of("=;");
    if (end == value.npos) break;
    std::string_view name = value.substr(0, end);
    name = name.substr(0, name.find_last_not_of(" \t") + 1);
    value.remove_prefix(end);
    if (value.front() == ';') continue;
    value.remove_prefix(1);
    skip_blanks(value);
    const std::string given = take_value(value);
    skip_blanks(value);
    if (boost::beast::iequals(name, "filename") && plain.empty()) plain = given;
    if (boost::beast::iequals(name, "filename*") && extended.empty()) extended = extended_value(given).value_or("");
  }
  return safe_file_name(extended.empty() ? plain : extended);
}

std::optional<std::string> rename_to_free_name(const std::string& from, const std::string& directory,
                                               const std::string& name) {
  for (int number = 0; number <= 1000; ++number) {
    std::string path = number == 0 ? directory + name : fmt::format("{}{}.{}", directory, name, number);
    if (renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) == 0) return path;
    if (errno == EINVAL && link(from.c_str(), path.c_str()) == 0) {  // a file system without that flag
      unlink(from.c_str());
      return path;
    }
    if (errno != EEXIST) return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace fanout::fetch
