#include "http/cookies/cookie_file.hpp"

#include <fanout/http/detail/text.hpp>

#include "http/cookies/cookie_parser.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <stdexcept>

namespace fanout::http {
namespace {

constexpr std::string_view http_only_mark = "#HttpOnly_";
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

[[noreturn]] void fail(const std::string& path, const std::string& why) {
  throw std::runtime_error(fmt::format("the cookie file {}: {}", path, why));
}

bool take_flag(std::string_view text, bool& into) noexcept {
  into = equal_ignoring_case(text, "TRUE");
  return into || equal_ignoring_case(text, "FALSE");
}

// Seconds since 1970. Extensions of browsers write fractions, and some nothing where there is no expiry.
bool take_expiry(std::string_view text, std::int64_t& into) noexcept {
  if (text.empty()) return true;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), into);
  std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') rest.remove_prefix(1);
  }
  return failed == std::errc{} && rest.empty();
}

// A header as servers send it. No page says whose it is, so it must name its domain.
bool parse_header(std::string_view value, std::chrono::sys_seconds now, cookie& into) {
  auto parsed = parse_set_cookie(value, now, std::numeric_limits<std::size_t>::max());
  if (!parsed || parsed->domain.empty()) return false;
  into.name = std::move(parsed->name);
  into.value = std::move(parsed->value);
  into.domain = std::move(parsed->domain);
  into.host_only = false;
  if (!parsed->path.empty()) into.path = std::move(parsed->path);
  into.secure = parsed->secure;
  into.http_only = parsed->http_only;
  into.expires = parsed->expires;
  return true;
}

// False when the line is not in the format.
bool parse_line(std::string_view line, std::chrono::sys_seconds now, cookie& into) {
  constexpr std::string_view header_name = "set-cookie:";
  if (equal_ignoring_case(line.substr(0, header_name.size()), header_name))
    return parse_header(line.substr(header_name.size()), now, into);
  into.http_only = line.starts_with(http_only_mark);
  if (into.http_only) line.remove_prefix(http_only_mark.size());
  std::array<std::string_view, 7> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t end = line.find('\t');
    fields[i] = line.substr(0, end);
    if (end == line.npos && i + 2 == fields.size()) break;  // without the tab, an empty value
    if ((end == line.npos) != (i + 1 == fields.size())) return false;
    if (end != line.npos) line.remove_prefix(end + 1);
  }
  bool for_hosts_below = false;
  std::int64_t expires = 0;
  if (!take_expiry(fields[4], expires)) return false;
  if (!take_flag(fields[1], for_hosts_below) || !take_flag(fields[3], into.secure)) return false;
  if (fields[0].starts_with('.')) fields[0].remove_prefix(1);
  into.domain = fields[0];
  into.host_only = !for_hosts_below;
  into.path = fields[2];
  into.name = fields[5];
  into.value = fields[6];
  // 0 is no time, it says that there is none. What is far in the past or future would not fit a duration.
  constexpr std::int64_t furthest = 1LL << 40;
  if (expires != 0)
    into.expires = std::chrono::sys_seconds(std::chrono::seconds(std::clamp(expires, std::int64_t{0}, furthest)));
  return true;
}

std::string text_of(const std::vector<cookie>& cookies) {
  std::string text = "# Netscape HTTP Cookie File\n# Written by fanout; curl and wget read it as well.\n\n";
  for (const cookie& each : cookies) {
    const auto expires = each.expires ? each.expires->time_since_epoch().count() : 0;
    fmt::format_to(std::back_inserter(text), "{}{}{}\t{}\t{}\t{}\t{}\t{}\t{}\n", each.http_only ? http_only_mark : "",
                   each.host_only ? "" : ".", each.domain, each.host_only ? "FALSE" : "TRUE", each.path,
                   each.secure ? "TRUE" : "FALSE", expires, each.name, each.value);
  }
  return text;
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const auto count = ::write(file, text.data(), text.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void write_in_place(const std::string& path, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) fail(path, std::strerror(errno));
  int why = write_all(file, text) ? 0 : errno;
  if (::close(file) != 0 && why == 0) why = errno;
  if (why != 0) fail(path, std::strerror(why));
}

}  // namespace

std::vector<cookie> read_cookie_file(const std::string& path, std::chrono::sys_seconds now, skipped_lines* skipped) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path, std::strerror(errno));
  std::vector<cookie> cookies;
  skipped_lines bad;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    if (number == 1 && line.starts_with(byte_order_mark)) line.erase(0, byte_order_mark.size());
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == line.npos || (line.starts_with('#') && !line.starts_with(http_only_mark)))
      continue;
    cookie parsed;
    if (parse_line(line, now, parsed)) {
      cookies.push_back(std::move(parsed));
    } else if (++bad.count == 1) {
      bad.first = fmt::format("line {} is not in the Netscape format (seven fields with tabs between them): {}", number,
                              printable(line));
    }
  }
  if (!file.eof()) fail(path, errno == 0 ? "cannot be read" : std::strerror(errno));
  if (cookies.empty() && bad.count > 0) fail(path, bad.first);  // something else altogether
  if (skipped) *skipped = std::move(bad);
  return cookies;
}

void write_cookie_file(const std::string& path, const std::vector<cookie>& cookies) {
  // A device or a pipe is written to: a file in its place would be the end of it.
  struct stat state{};
  if (::stat(path.c_str(), &state) == 0 && !S_ISREG(state.st_mode)) return write_in_place(path, text_of(cookies));
  std::string aside = path + ".XXXXXX";
  const int file = ::mkostemp(aside.data(), O_CLOEXEC);  // for its owner alone
  if (file < 0) fail(path, std::strerror(errno));
  const bool written = write_all(file, text_of(cookies)) && ::fsync(file) == 0;
  int why = written ? 0 : errno;
  if (::close(file) != 0 && why == 0) why = errno;
  if (why == 0 && ::rename(aside.c_str(), path.c_str()) != 0) why = errno;
  if (why == 0) return;
  ::unlink(aside.c_str());
  fail(path, std::strerror(why));
}

}  // namespace fanout::http
