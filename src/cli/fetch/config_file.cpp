#include "cli/fetch/config_file.hpp"

#include <fanout/base/detail/file_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace fanout::cli {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view without_blanks_before(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text;
}

/// The value in the quotes that `text` begins with.
std::string quoted_value(std::string_view text, std::size_t line) {
  std::string made;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '"') return made;
    if (text[at] != '\\' || at + 1 == text.size()) {
      made += text[at];
      continue;
    }
    const char c = text[++at];
    made += c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'v' ? '\v' : c;
  }
  throw std::invalid_argument(fmt::format("line {}: a quote is not closed", line));
}

void read_config_line(std::string_view line, std::size_t number, std::vector<std::string>& into) {
  line = without_blanks_before(line);
  if (line.empty() || line.front() == '#') return;
  const bool dashes = line.front() == '-';
  // "-x value" has no = or : between them.
  const auto end = std::min(line.find_first_of(dashes ? " \t\r" : " \t\r=:"), line.size());
  const std::string_view name = line.substr(0, end);
  std::string_view rest = without_blanks_before(line.substr(end));
  if (!dashes && !rest.empty() && (rest.front() == '=' || rest.front() == ':'))
    rest = without_blanks_before(rest.substr(1));
  into.push_back(dashes ? std::string(name) : fmt::format("--{}", name));
  if (rest.empty()) return;
  if (rest.front() == '"')
    into.push_back(quoted_value(rest, number));
  else
    into.emplace_back(rest.substr(0, rest.find_last_not_of(blanks) + 1));
}

}  // namespace

std::vector<std::string> parse_config(std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    read_config_line(text.substr(0, end), number, all);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

std::vector<std::string> config_arguments(const std::string& path) {
  const auto text = fanout::detail::file_text(path == "-" ? "/dev/stdin" : path);
  if (!text) throw std::invalid_argument(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  try {
    return parse_config(*text);
  } catch (const std::invalid_argument& refused) {
    throw std::invalid_argument(fmt::format("{}: {}", path, refused.what()));
  }
}

}  // namespace fanout::cli
