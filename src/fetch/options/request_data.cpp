#include "fetch/options/request_data.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace fanout::fetch {
namespace {

using piece_kind = data_piece::kind;

std::string_view option_of(piece_kind what) {
  switch (what) {
    case piece_kind::form:
      return "-d";
    case piece_kind::raw:
      return "--data-raw";
    case piece_kind::binary:
      return "--data-binary";
    case piece_kind::urlencoded:
      return "--data-urlencode";
    case piece_kind::json:
      return "--json";
  }
  return "-d";
}

/// All but the unreserved characters of RFC 3986 section 2.3, and + for a space, as curl does.
std::string url_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string made;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || c == ' ')
      made += plain ? c : '+';
    else
      made.append("%").append({digits[byte >> 4], digits[byte & 15]});
  }
  return made;
}

/// "content", "=content", "name=content", "@file" or "name@file"; the name is taken as it is.
std::string encoded_piece(std::string_view option, const std::string& argument) {
  const auto mark = argument.find_first_of("=@");
  if (mark == argument.npos) return url_encoded(argument);
  const std::string name = argument.substr(0, mark);
  const std::string rest = argument.substr(mark + 1);
  const std::string content = url_encoded(argument[mark] == '@' ? file_contents(option, rest) : rest);
  return name.empty() ? content : name + "=" + content;
}

std::string text_of(const data_piece& piece) {
  const std::string_view option = option_of(piece.what);
  switch (piece.what) {
    case piece_kind::raw:
      return piece.text;
    case piece_kind::urlencoded:
      return encoded_piece(option, piece.text);
    case piece_kind::binary:
    case piece_kind::json:
      return text_or_file(option, piece.text);
    case piece_kind::form:
      break;
  }
  std::string text = text_or_file(option, piece.text);
  // A form that an editor wrote into a file has no line ends in it.
  if (piece.text.starts_with('@')) std::erase_if(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return text;
}

}  // namespace

std::string file_contents(std::string_view option, const std::string& path) {
  errno = 0;
  std::ifstream file(path == "-" ? "/dev/stdin" : path, std::ios::binary);
  std::string text;
  char part[64 * 1024];
  while (file.read(part, sizeof part) || file.gcount() > 0) text.append(part, static_cast<std::size_t>(file.gcount()));
  if (!file.eof())
    throw std::invalid_argument(
        fmt::format("{}{}cannot read {}: {}", option, option.empty() ? "" : ": ", path, std::strerror(errno)));
  return text;
}

std::string text_or_file(std::string_view option, const std::string& argument) {
  return argument.starts_with('@') ? file_contents(option, argument.substr(1)) : argument;
}

std::string joined_data(const std::vector<data_piece>& pieces) {
  std::string all;
  bool first = true;
  for (const data_piece& each : pieces) {
    if (!first && each.what != piece_kind::json) all += '&';
    all += text_of(each);
    first = false;
  }
  return all;
}

std::string query_piece(const std::string& argument) {
  if (argument.starts_with('+')) return argument.substr(1);
  return encoded_piece("--url-query", argument);
}

}  // namespace fanout::fetch
