#include <fanout/fetch/robots.hpp>
#include <fanout/http/detail/text.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fanout::fetch {
namespace {

/// The product token that a User-agent line begins with, or "*".
std::string_view token_of(std::string_view value) {
  if (value.starts_with('*')) return "*";
  return value.substr(0, std::min(value.size(), value.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-")));
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = http::lower(c);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/// One spelling for what means the same (section 2.2.2): escapes of unreserved characters undone, others in capitals,
/// and bytes beyond ASCII escaped.
std::string normalised(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  result.reserve(text.size());
  const auto escape = [&](unsigned char byte) {
    result += '%';
    result += digits[byte >> 4];
    result += digits[byte & 15];
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      const auto value = static_cast<unsigned char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      const char c = http::lower(static_cast<char>(value));
      const bool unreserved =
          (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
      if (unreserved)
        result += static_cast<char>(value);
      else
        escape(value);
      i += 2;
    } else if (byte >= 0x80) {
      escape(byte);
    } else {
      result += text[i];
    }
  }
  return result;
}

/// Whether the pattern matches the beginning of the target, or all of it if it ends in "$". Piece by piece between the
/// stars, each at its first place: that leaves the most for the next ones.
bool matches(std::string_view pattern, std::string_view target) {
  const bool to_the_end = pattern.ends_with('$');
  if (to_the_end) pattern.remove_suffix(1);
  bool first = true;
  for (;;) {
    const auto star = pattern.find('*');
    const auto piece = pattern.substr(0, star);
    const bool last = star == pattern.npos;
    if (first && !target.starts_with(piece)) return false;
    if (last && to_the_end) return first ? target.size() == piece.size() : target.ends_with(piece);
    const auto at = first ? 0 : target.find(piece);
    if (at == target.npos) return false;
    target.remove_prefix(at + piece.size());
    if (last) return true;
    pattern.remove_prefix(star + 1);
    first = false;
  }
}

std::optional<std::chrono::milliseconds> delay_of(std::string_view value) {
  double seconds = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (failed != std::errc{} || end != value.data() + value.size()) return std::nullopt;
  if (!(seconds >= 0 && seconds <= 86'400)) return std::nullopt;
  return std::chrono::milliseconds(std::llround(seconds * 1'000));
}

/// Lines as "name: value", without comments.
template <class Function>
void for_each_line(std::string_view text, Function&& function) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const auto end = text.find_first_of("\r\n");
    auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    line = line.substr(0, line.find('#'));
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    function(http::trimmed(line.substr(0, colon)), http::trimmed(line.substr(colon + 1)));
  }
}

}  // namespace

robots_rules::robots_rules(std::string_view text, std::string_view product) {
  struct group_rules {
    std::vector<rule> rules;
    std::optional<std::chrono::milliseconds> delay;
    bool there = false;
  };
  group_rules ours;
  group_rules everybodys;
  bool for_us = false;
  bool for_all = false;
  bool in_agents = false;  // lines of User-agent that follow each other are one group's
  const auto for_group = [&](auto&& function) {
    in_agents = false;
    if (for_us) function(ours);
    if (for_all) function(everybodys);
  };
  if (text.size() > longest_text) {  // no half of a line
    text = text.substr(0, longest_text);
    text = text.substr(0, text.find_last_of("\r\n") + 1);
  }
  for_each_line(text, [&](std::string_view name, std::string_view value) {
    if (http::equal_ignoring_case(name, "user-agent")) {
      if (!in_agents) for_us = for_all = false;
      in_agents = true;
      const auto token = token_of(value);
      if (token == "*") for_all = everybodys.there = true;
      if (!token.empty() && token != "*" && http::equal_ignoring_case(token, product)) for_us = ours.there = true;
    } else if (http::equal_ignoring_case(name, "allow") || http::equal_ignoring_case(name, "disallow")) {
      const bool allow = http::equal_ignoring_case(name, "allow");
      for_group([&](group_rules& group) {
        if (!value.empty()) group.rules.push_back({normalised(value), allow});
      });
    } else if (http::equal_ignoring_case(name, "crawl-delay")) {
      for_group([&](group_rules& group) {
        if (!group.delay) group.delay = delay_of(value);
      });
    } else if (http::equal_ignoring_case(name, "sitemap")) {
      if (!value.empty()) sitemaps_.emplace_back(value);
    }
  });
  group_rules& chosen = ours.there ? ours : everybodys;
  rules_ = std::move(chosen.rules);
  crawl_delay_ = chosen.delay;
  std::sort(rules_.begin(), rules_.end(), [](const rule& left, const rule& right) {
    return left.pattern.size() != right.pattern.size() ? left.pattern.size() > right.pattern.size()
                                                       : left.allow && !right.allow;
  });
}

robots_rules robots_rules::none_allowed() {
  robots_rules rules;
  rules.rules_.push_back({"/", false});
  return rules;
}

robots_rules robots_rules::of_response(int status, std::string_view body, std::string_view product) {
  if (status >= 200 && status < 300) return robots_rules(body, product);
  return status == 0 || status >= 500 ? none_allowed() : robots_rules();
}

bool robots_rules::allows(std::string_view target) const {
  if (target == "/robots.txt") return true;
  const auto asked = normalised(target);
  for (const auto& one : rules_)
    if (matches(one.pattern, asked)) return one.allow;
  return true;
}

}  // namespace fanout::fetch
