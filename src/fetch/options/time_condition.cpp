#include "fetch/options/time_condition.hpp"

#include "fetch/text/http_date.hpp"
#include "fetch/text/text.hpp"

#include <fmt/format.h>

#include <sys/stat.h>

#include <stdexcept>

namespace fanout::fetch {

std::optional<std::pair<std::string, std::string>> time_condition(const std::string& text) {
  const bool older = text.starts_with('-');
  const std::string what = older ? text.substr(1) : text;
  const char* const name = older ? "If-Unmodified-Since" : "If-Modified-Since";
  if (const auto date = parse_any_date(what)) return std::pair(std::string(name), http_date(*date));
  struct stat status{};
  if (stat(what.c_str(), &status) == 0) return std::pair(std::string(name), http_date(status.st_mtime));
  const bool like_a_date = what.find(' ') != what.npos || (!what.empty() && what.front() >= '0' && what.front() <= '9');
  if (!like_a_date && !what.empty()) return std::nullopt;
  throw std::invalid_argument(fmt::format(
      "'{}' is neither a date, such as 2026-11-29 or 'Sun, 06 Nov 1994 08:49:37 GMT', nor a file that is there",
      printable(text)));
}

}  // namespace fanout::fetch
