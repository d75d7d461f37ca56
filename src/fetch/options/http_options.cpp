#include <fanout/fetch/http_options.hpp>
#include <fanout/http/auth.hpp>

#include "fetch/exchange/netrc.hpp"
#include "fetch/options/request_data.hpp"
#include "fetch/options/time_condition.hpp"
#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <sstream>
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

/// `-H @FILE`: a header on each line.
void add_headers_of(const std::string& file, common_request& into) {
  const std::string text = file_contents("-H", file.substr(1));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) add_header(line, into);
  }
}

bool is_json(const data_piece& piece) {
  return piece.what == data_piece::kind::json;
}

/// What goes to the end of each URL.
std::string query_of(const http_options& given) {
  std::vector<std::string> parts;
  if (given.data_in_query && !given.data.empty()) parts.push_back(joined_data(given.data));
  for (const std::string& each : given.query) parts.push_back(query_piece(each));
  std::string all = fmt::format("{}", fmt::join(parts, "&"));
  if (std::any_of(all.begin(), all.end(), is_control))
    throw std::invalid_argument(fmt::format("{}: '{}' contains a control character; --data-urlencode encodes it",
                                            given.data_in_query ? "-G" : "--url-query", printable(all)));
  return all;
}

void add_data(const http_options& given, common_request& into) {
  const bool json = std::any_of(given.data.begin(), given.data.end(), is_json);
  into.body = joined_data(given.data);
  into.content_type = json ? "application/json" : "application/x-www-form-urlencoded";
  if (json && !has_header(into.headers, "accept")) into.headers.emplace_back("Accept", "application/json");
}

void add_body(const http_options& given, common_request& into) {
  into.query = query_of(given);
  const bool upload = !given.upload.empty();
  const bool data = !given.data.empty() && !given.data_in_query;
  const bool file = !given.settings.body_file.empty() && given.settings.body_file != given.upload;
  const int kinds = data + upload + file + !given.settings.form.empty();
  if (kinds > 1)
    throw std::invalid_argument(
        "-d and its relatives, -F, -T and --data-file each give the body; use one of them, or -G to send -d in the "
        "URL");
  if (kinds == 1 && given.head)
    throw std::invalid_argument(
        "--head: a HEAD request has no body; leave out -d and its relatives, -F, -T or --data-file");
  if (kinds == 0) return;
  if (data) add_data(given, into);
  if (upload && given.upload == "-") into.body = file_contents("-T", "-");
  if (upload && given.upload != "-") into.upload_name = std::filesystem::path(given.upload).filename().string();
  // An empty body, or one that is read later, would not show otherwise.
  if (into.method.empty() && (upload || into.body.empty())) into.method = upload ? "PUT" : "POST";
}

/// "0-99,200-": RFC 9110 section 14.2, of bytes. A number alone is where the part begins, as for curl.
std::string range_of(const std::string& text) {
  const bool digits = text.find_first_not_of("0123456789-, ") == text.npos;
  if (!digits || text.find_first_of("0123456789") == text.npos)
    throw std::invalid_argument(
        fmt::format("-r: '{}' is not a range; use FIRST-LAST, FIRST- or -COUNT, several with commas", printable(text)));
  return fmt::format("bytes={}{}", text, text.find('-') == text.npos ? "-" : "");
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

/// As curl: one of the two implies the other. A server that says nothing is slow, too.
void set_speed_limit(const http_options& given, settings& into) {
  if (!given.speed_limit && !given.speed_time_ms) return;
  into.low_speed_bytes_per_s = given.speed_limit.value_or(1);
  into.low_speed_window_ms = given.speed_time_ms.value_or(30'000);
  if (into.low_speed_window_ms == 0) into.low_speed_bytes_per_s = 0;
  if (into.low_speed_bytes_per_s > 0) into.idle_timeout_ms = std::min(into.idle_timeout_ms, into.low_speed_window_ms);
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
  made.method = given.head && given.method.empty() ? "HEAD" : given.method;
  for (const std::string& line : given.headers)
    line.starts_with('@') ? add_headers_of(line, made) : add_header(line, made);
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
  if (!given.range.empty()) made.headers.emplace_back("Range", range_of(given.range));
  if (!given.condition.empty()) {
    try {
      if (auto header = time_condition(given.condition)) made.headers.push_back(*std::move(header));
    } catch (const std::invalid_argument& refused) {
      throw std::invalid_argument(fmt::format("-z: {}", refused.what()));
    }
  }
  add_body(given, made);
  return made;
}

bool reads_standard_input(const http_options& given) {
  const auto reads = [](const data_piece& piece) {
    if (piece.what == data_piece::kind::raw) return false;
    return piece.text == "@-" || (piece.what == data_piece::kind::urlencoded && piece.text.ends_with("@-") &&
                                  piece.text.find('=') == piece.text.npos);
  };
  return given.upload == "-" || std::any_of(given.data.begin(), given.data.end(), reads);
}

settings settings_of(const http_options& given, const common_request& common) {
  for (const http_option& row : http_option_table())
    if (const std::string why = row.refused ? row.refused(given) : std::string(); !why.empty())
      throw std::invalid_argument(fmt::format("{}: {}", row.long_name(), why));
  settings made = given.settings;
  if (!given.bearer.empty() && !given.user.empty())
    throw std::invalid_argument("-u and --oauth2-bearer both say who asks; use one of them");
  const bool waits_for_challenge = given.digest || given.any_auth;
  if (waits_for_challenge && given.user.find(':') == given.user.npos && (given.digest || !given.user.empty()))
    throw std::invalid_argument(
        fmt::format("{}: -u user:password is missing, which it sends", given.digest ? "--digest" : "--anyauth"));
  made.basic_if_asked = given.any_auth && !given.user.empty();
  if (waits_for_challenge && !given.user.empty())
    made.digest = given.user;
  else
    made.authorization = authorization_of(given);
  if (!given.netrc_file.empty() || given.netrc || given.netrc_optional)
    made.netrc = read_netrc(given.netrc_file, given.netrc_optional || given.netrc_file.empty());
  set_speed_limit(given, made);
  set_cookies(given, made);
  made.without_headers = common.without;
  made.drop_bodies = given.head && !given.method.empty() && given.method != "HEAD";
  check_client(made);
  return made;
}

void heed_robots(const common_request& common, schedule_rules& rules) {
  rules.robots_product = "fanout";
  for (const auto& [name, value] : common.headers) {
    if (!boost::beast::iequals(name, "user-agent")) continue;
    rules.robots_user_agent = value;
    constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
    if (const auto end = std::min(value.find_first_not_of(letters), value.size()); end > 0)
      rules.robots_product = value.substr(0, end);
  }
}

retry_rules retry_rules_of(const settings& how, double budget) {
  retry_rules made;
  made.retries = how.retries;
  if (how.retry_delay_ms > 0) made.fixed_delay = std::chrono::milliseconds(how.retry_delay_ms);
  if (how.retry_max_time_ms > 0) made.most_time = std::chrono::milliseconds(how.retry_max_time_ms);
  made.all_errors = made.any_method = how.retry_all_errors;
  made.job_budget = budget;
  made.host_budget = 2 * budget;
  return made;
}

}  // namespace fanout::fetch
