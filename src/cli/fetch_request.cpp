#include "cli/fetch_request.hpp"

#include <fanout/http/detail/text.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace fanout::cli {
namespace {

bool has_header(const fetch::header_list& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& each) { return http::equal_ignoring_case(each.first, name); });
}

/// `-H`: 'Name: value'; 'Name:' takes a header away, 'Name;' sends it without a value.
void add_header(const std::string& line, common_request& into) {
  const auto end = line.find_first_of(":;");
  const std::string_view name = std::string_view(line).substr(0, end);
  const bool printable =
      std::none_of(line.begin(), line.end(), [](char c) { return http::is_control(c) && c != '\t'; });
  const auto value = end == line.npos ? end : line.find_first_not_of(" \t", end + 1);
  const bool bare = end != line.npos && line[end] == ';';
  if (!printable || end == line.npos || !http::is_token(name) || (bare && value != line.npos))
    throw usage_error(fmt::format(
        "-H: '{}' is not a header; use 'Name: value', 'Name;' for one without a value, or 'Name:' to send none",
        http::printable(line)));
  if (value != line.npos)
    into.headers.emplace_back(name, line.substr(value));
  else if (bare)
    into.headers.emplace_back(name, "");
  else if (http::equal_ignoring_case(name, "host") || http::equal_ignoring_case(name, "content-length"))
    throw usage_error(fmt::format("-H: '{}:' cannot be left out, HTTP/1.1 needs it; give it a value", name));
  else
    into.without.emplace_back(name);
}

/// The text, or with @ the contents of a file.
std::string read_argument(std::string_view option, const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  const std::string path = argument == "@-" ? "/dev/stdin" : argument.substr(1);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  char part[64 * 1024];
  while (file.read(part, sizeof part) || file.gcount() > 0) text.append(part, static_cast<std::size_t>(file.gcount()));
  if (!file.eof()) throw usage_error(fmt::format("{}: cannot read {}: {}", option, path, std::strerror(errno)));
  return text;
}

std::string joined(std::string_view option, const std::vector<std::string>& arguments, std::string_view between) {
  std::vector<std::string> parts;
  parts.reserve(arguments.size());
  for (const auto& each : arguments) parts.push_back(read_argument(option, each));
  return fmt::format("{}", fmt::join(parts, between));
}

/// As for curl, a form that an editor wrote into a file has no line ends in it.
std::string joined_lines(const std::vector<std::string>& arguments) {
  std::vector<std::string> parts;
  parts.reserve(arguments.size());
  for (const auto& each : arguments) {
    parts.push_back(read_argument("-d", each));
    if (each.starts_with('@')) std::erase_if(parts.back(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  }
  return fmt::format("{}", fmt::join(parts, "&"));
}

void add_body(const fetch_options& given, common_request& into) {
  const int kinds = !given.data.empty() + !given.data_binary.empty() + !given.json.empty() + !given.data_file.empty();
  if (kinds > 1) throw usage_error("-d, --data-binary, --json and --data-file each give the body; use one of them");
  if (kinds == 1 && given.head)
    throw usage_error("--head: a HEAD request has no body; leave out -d, --data-binary, --json or --data-file");
  if (!given.data.empty() || !given.data_binary.empty()) {
    into.body = given.data.empty() ? joined("--data-binary", given.data_binary, "&") : joined_lines(given.data);
    into.content_type = "application/x-www-form-urlencoded";
  } else if (!given.json.empty()) {
    into.body = joined("--json", given.json, "");
    into.content_type = "application/json";
    if (!has_header(into.headers, "accept")) into.headers.emplace_back("Accept", "application/json");
  }
  // An empty body, or one that is read later, would not show otherwise.
  if (kinds == 1 && into.method.empty() && into.body.empty()) into.method = "POST";
}

}  // namespace

common_request request_of(const fetch_options& given) {
  common_request made;
  if (!given.method.empty() && !http::is_token(given.method))
    throw usage_error(fmt::format("-X: '{}' is not a request method", http::printable(given.method)));
  if (given.head && !given.method.empty() && given.method != "HEAD")
    throw usage_error(fmt::format("--head asks for HEAD and -X for {}; give one of them", given.method));
  made.method = given.head ? "HEAD" : given.method;
  for (const std::string& line : given.headers) add_header(line, made);
  std::vector<std::string> cookies;
  std::copy_if(given.cookies.begin(), given.cookies.end(), std::back_inserter(cookies),
               [](const std::string& each) { return each.find('=') != each.npos; });
  if (!cookies.empty()) {
    const std::string value = fmt::format("{}", fmt::join(cookies, "; "));
    if (std::any_of(value.begin(), value.end(), http::is_control))
      throw usage_error(fmt::format("--cookie: '{}' contains a control character", http::printable(value)));
    if (has_header(made.headers, "cookie"))
      throw usage_error("--cookie and -H 'Cookie: ...' both give cookies; use one of them");
    made.headers.emplace_back("Cookie", value);
  }
  add_body(given, made);
  return made;
}

bool reads_standard_input(const fetch_options& given) {
  const auto reads = [](const std::vector<std::string>& arguments) {
    return std::find(arguments.begin(), arguments.end(), "@-") != arguments.end();
  };
  return reads(given.data) || reads(given.data_binary) || reads(given.json);
}

std::vector<std::string> cookie_files(const fetch_options& given) {
  std::vector<std::string> files;
  std::copy_if(given.cookies.begin(), given.cookies.end(), std::back_inserter(files),
               [](const std::string& each) { return each.find('=') == each.npos; });
  return files;
}

}  // namespace fanout::cli
