#include "fetch/exchange/opt_out.hpp"

#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace fanout::fetch {
namespace {

std::string_view trimmed_word(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

template <class Call>
void each_word(std::string_view list, Call call) {
  for (;;) {
    const auto end = std::min(list.find(','), list.size());
    call(trimmed_word(list.substr(0, end)));
    if (end == list.size()) return;
    list.remove_prefix(end + 1);
  }
}

/// Rules that have a value behind a colon; any other name before one is that of a robot.
bool has_value(std::string_view rule) {
  constexpr std::array<std::string_view, 4> rules{"unavailable_after", "max-snippet", "max-image-preview",
                                                  "max-video-preview"};
  return std::any_of(rules.begin(), rules.end(),
                     [&](std::string_view each) { return boost::beast::iequals(each, rule); });
}

}  // namespace

std::vector<std::string> opt_out_words(std::string_view list) {
  std::vector<std::string> words;
  each_word(list, [&](std::string_view word) {
    if (!is_token(word)) throw std::invalid_argument(fmt::format("'{}' is no rule of X-Robots-Tag", printable(word)));
    std::string lower(word);
    for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    words.push_back(std::move(lower));
  });
  return words;
}

std::string_view opted_out(const http::headers& header, std::span<const std::string> heeded) {
  if (heeded.empty()) return {};
  for (const auto& [name, value] : header) {
    if (!boost::beast::iequals(name, "x-robots-tag")) continue;
    std::string_view rules = value;
    if (const auto colon = rules.find(':'); colon != rules.npos && colon < rules.find(',')) {
      const auto robot = trimmed_word(rules.substr(0, colon));
      if (!has_value(robot)) {
        if (robot != "*" && !boost::beast::iequals(robot, "fanout")) continue;
        rules.remove_prefix(colon + 1);
      }
    }
    std::string_view found;
    each_word(rules, [&](std::string_view rule) {
      for (const std::string& each : heeded)
        if (found.empty() && boost::beast::iequals(each, rule)) found = each;
    });
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace fanout::fetch
