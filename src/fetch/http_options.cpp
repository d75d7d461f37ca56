#include <fanout/fetch/http_options.hpp>
#include <fanout/http/auth.hpp>

#include "fetch/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <tuple>

namespace fanout::fetch {
namespace {

bool has_header(const header_list& headers, std::string_view name) {
  return std::any_of(headers.begin(), headers.end(),
                     [&](const auto& each) { return boost::beast::iequals(each.first, name); });
}

/// `-H`: 'Name: value'; 'Name:' takes a header away, 'Name;' sends it without a value.
void add_header(const std::string& line, common_request& into) {
  const auto end = line.find_first_of(":;");
  const std::string_view name = std::string_view(line).substr(0, end);
  const bool fit = std::none_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; });
  const auto value = end == line.npos ? end : line.find_first_not_of(" \t", end + 1);
  const bool bare = end != line.npos && line[end] == ';';
  if (!fit || end == line.npos || !is_token(name) || (bare && value != line.npos))
    throw std::invalid_argument(fmt::format(
        "-H: '{}' is not a header; use 'Name: value', 'Name;' for one without a value, or 'Name:' to send none",
        printable(line)));
  if (value != line.npos)
    into.headers.emplace_back(name, line.substr(value));
  else if (bare)
    into.headers.emplace_back(name, "");
  else if (boost::beast::iequals(name, "host") || boost::beast::iequals(name, "content-length"))
    throw std::invalid_argument(fmt::format("-H: '{}:' cannot be left out, HTTP/1.1 needs it; give it a value", name));
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
  if (!file.eof())
    throw std::invalid_argument(fmt::format("{}: cannot read {}: {}", option, path, std::strerror(errno)));
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

void add_body(const http_options& given, common_request& into) {
  const bool form = !given.data.empty() || !given.data_raw.empty();
  const int kinds = form + !given.data_binary.empty() + !given.json.empty() + !given.settings.body_file.empty();
  if (kinds > 1)
    throw std::invalid_argument(
        "-d and --data-raw, --data-binary, --json and --data-file each give the body; use one of them");
  if (kinds == 1 && given.head)
    throw std::invalid_argument(
        "--head: a HEAD request has no body; leave out -d, --data-raw, --data-binary, --json or --data-file");
  if (form) {
    const std::string raw = fmt::format("{}", fmt::join(given.data_raw, "&"));
    into.body = joined_lines(given.data);
    if (!given.data.empty() && !given.data_raw.empty()) into.body += '&';
    into.body += raw;
    into.content_type = "application/x-www-form-urlencoded";
  } else if (!given.data_binary.empty()) {
    into.body = joined("--data-binary", given.data_binary, "&");
    into.content_type = "application/x-www-form-urlencoded";
  } else if (!given.json.empty()) {
    into.body = joined("--json", given.json, "");
    into.content_type = "application/json";
    if (!has_header(into.headers, "accept")) into.headers.emplace_back("Accept", "application/json");
  }
  // An empty body, or one that is read later, would not show otherwise.
  if (kinds == 1 && into.method.empty() && into.body.empty()) into.method = "POST";
}

std::vector<std::string> cookie_files(const http_options& given) {
  std::vector<std::string> files;
  std::copy_if(given.cookies.begin(), given.cookies.end(), std::back_inserter(files),
               [](const std::string& each) { return each.find('=') == each.npos; });
  return files;
}

std::string authorization_of(const http_options& given) {
  const std::string& user = given.user;
  try {
    if (!given.bearer.empty()) return http::bearer_auth(given.bearer);
  } catch (const error& refused) {
    throw std::invalid_argument(fmt::format("--oauth2-bearer: {}", refused.what()));
  }
  if (user.empty()) return {};
  const auto colon = user.find(':');
  if (colon == user.npos)
    throw std::invalid_argument(fmt::format("-u: '{}' has no password; use 'user:password'", user));
  try {
    return http::basic_auth(user.substr(0, colon), user.substr(colon + 1));
  } catch (const error& refused) {
    throw std::invalid_argument(fmt::format("-u: {}", refused.what()));
  }
}

/// What only the client can judge is told before the first request, and once.
void check_client(const settings& made) {
  try {
    check(made);
  } catch (const error& refused) {
    throw std::invalid_argument(refused.what());
  }
}

void set_cookies(const http_options& given, settings& into) {
  const auto files = cookie_files(given);
  if (files.size() > 1)
    throw std::invalid_argument(fmt::format("--cookie: {} and {} are two files; give one", files[0], files[1]));
  into.use_cookies = !files.empty() || !given.cookie_jar.empty();
  if (files.empty()) return;
  into.cookie_file = files.front();
  const bool there = access(into.cookie_file.c_str(), R_OK) == 0;
  // A jar that is read and written begins empty.
  if (into.cookie_file == given.cookie_jar && access(into.cookie_file.c_str(), F_OK) != 0)
    into.cookie_file.clear();
  else if (!there && !into.cookie_file.empty())
    throw std::invalid_argument(fmt::format("--cookie: cannot read {}: {}", into.cookie_file, std::strerror(errno)));
}

}  // namespace

common_request request_of(const http_options& given) {
  common_request made;
  if (!given.method.empty() && !is_token(given.method))
    throw std::invalid_argument(fmt::format("-X: '{}' is not a request method", printable(given.method)));
  if (given.head && !given.method.empty() && given.method != "HEAD")
    throw std::invalid_argument(fmt::format("--head asks for HEAD and -X for {}; give one of them", given.method));
  made.method = given.head ? "HEAD" : given.method;
  for (const std::string& line : given.headers) add_header(line, made);
  for (const auto& [option, name, value] :
       {std::tuple("-A", "User-Agent", &given.user_agent), std::tuple("-e", "Referer", &given.referer)}) {
    if (value->empty()) continue;
    if (std::any_of(value->begin(), value->end(), is_control))
      throw std::invalid_argument(fmt::format("{}: '{}' contains a control character", option, printable(*value)));
    if (has_header(made.headers, name))
      throw std::invalid_argument(fmt::format("{} and -H '{}: ...' both give it; use one of them", option, name));
    made.headers.emplace_back(name, *value);
  }
  std::vector<std::string> cookies;
  std::copy_if(given.cookies.begin(), given.cookies.end(), std::back_inserter(cookies),
               [](const std::string& each) { return each.find('=') != each.npos; });
  if (!cookies.empty()) {
    const std::string value = fmt::format("{}", fmt::join(cookies, "; "));
    if (std::any_of(value.begin(), value.end(), is_control))
      throw std::invalid_argument(fmt::format("--cookie: '{}' contains a control character", printable(value)));
    if (has_header(made.headers, "cookie"))
      throw std::invalid_argument("--cookie and -H 'Cookie: ...' both give cookies; use one of them");
    made.headers.emplace_back("Cookie", value);
  }
  add_body(given, made);
  return made;
}

bool reads_standard_input(const http_options& given) {
  const auto reads = [](const std::vector<std::string>& arguments) {
    return std::find(arguments.begin(), arguments.end(), "@-") != arguments.end();
  };
  return reads(given.data) || reads(given.data_binary) || reads(given.json);
}

settings settings_of(const http_options& given, const common_request& common) {
  for (const http_option& row : http_option_table())
    if (const std::string why = row.refused ? row.refused(given) : std::string(); !why.empty())
      throw std::invalid_argument(fmt::format("{}: {}", row.long_name(), why));
  settings made = given.settings;
  if (!given.bearer.empty() && !given.user.empty())
    throw std::invalid_argument("-u and --oauth2-bearer both say who asks; use one of them");
  made.authorization = authorization_of(given);
  set_cookies(given, made);
  made.without_headers = common.without;
  check_client(made);
  return made;
}

}  // namespace fanout::fetch
