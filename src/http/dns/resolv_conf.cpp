#include "http/dns/resolv_conf.hpp"

#include <fanout/base/detail/file_text.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace fanout::http {
namespace {

constexpr std::string_view blanks = " \t\r";

/// Cuts the next word off the front of `rest`; empty at its end.
std::string_view next_word(std::string_view& rest) noexcept {
  rest.remove_prefix(std::min(rest.find_first_not_of(blanks), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(blanks));
  rest.remove_prefix(word.size());
  return word;
}

bool take_number(std::string_view word, std::string_view name, int most, int& into) noexcept {
  if (!word.starts_with(name)) return false;
  word.remove_prefix(name.size());
  int value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (end == word.data() || value < 0) return false;
  into = failed == std::errc{} ? std::clamp(value, 1, most) : most;
  return true;
}

bool take_options(std::string_view words, resolver_patience& into) noexcept {
  bool any = false;
  int seconds = static_cast<int>(into.timeout.count());
  for (std::string_view word = next_word(words); !word.empty(); word = next_word(words))
    any = take_number(word, "timeout:", 30, seconds) || take_number(word, "attempts:", 5, into.attempts) || any;
  into.timeout = std::chrono::seconds(seconds);
  return any;
}

}  // namespace

std::optional<resolver_patience> patience_of(std::string_view resolv_conf, std::string_view environment) {
  resolver_patience found;
  bool any = false;
  while (!resolv_conf.empty()) {
    const std::size_t end = std::min(resolv_conf.find('\n'), resolv_conf.size());
    std::string_view line = resolv_conf.substr(0, end);
    resolv_conf.remove_prefix(std::min(end + 1, resolv_conf.size()));
    line = line.substr(0, line.find_first_of("#;"));
    if (next_word(line) == "options") any = take_options(line, found) || any;
  }
  any = take_options(environment, found) || any;
  return any ? std::optional(found) : std::nullopt;
}

std::optional<resolver_patience> read_patience(const std::string& path) {
  const std::string text = fanout::detail::file_text(path).value_or("");
  const char* const environment = std::getenv("RES_OPTIONS");  // NOLINT(concurrency-mt-unsafe): as c-ares does
  return patience_of(text, environment ? environment : "");
}

}  // namespace fanout::http
