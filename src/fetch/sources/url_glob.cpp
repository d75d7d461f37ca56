#include <fanout/fetch/url_glob.hpp>

#include <fmt/format.h>

#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::uint64_t most_urls = std::numeric_limits<std::int64_t>::max();

bool is_range_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Whether what is in brackets is an address (RFC 3986, IP-literal, with a zone as in RFC 6874), which no range is.
bool is_address(std::string_view inside) {
  return inside.find(':') != inside.npos &&
         inside.find_first_not_of("0123456789abcdefABCDEF:.") == std::min(inside.find('%'), inside.npos) &&
         (inside.find(':') != inside.rfind(':'));
}

}  // namespace

class url_glob::parser {
 public:
  parser(std::string_view pattern, url_glob& into) : pattern_(pattern), into_(into) {}

  void parse() {
    while (at_ < pattern_.size()) {
      const char c = pattern_[at_];
      if (c == '\\' && at_ + 1 < pattern_.size() && escapable(pattern_[at_ + 1])) {
        literal() += pattern_[at_ + 1];
        at_ += 2;
      } else if (c == '{') {
        set();
      } else if (c == '[') {
        brackets();
      } else if (c == '}' || c == ']') {
        fail(fmt::format("there is no '{}' before this '{}'", c == '}' ? '{' : '[', c));
      } else {
        literal() += c;
        ++at_;
      }
    }
    if (into_.parts_.empty()) into_.parts_.emplace_back();
  }

 private:
  static bool escapable(char c) { return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == '\\'; }

  [[noreturn]] void fail(const std::string& why) const {
    throw std::invalid_argument(
        fmt::format("'{}' cannot be taken for several URLs: at character {}, {}; "
                    "{{a,b}}, [1-100], [1-100:10] and [a-z] are accepted, and without --glob they are "
                    "taken as they are",
                    pattern_, at_ + 1, why));
  }

  std::string& literal() {
    if (into_.parts_.empty() || into_.parts_.back().varies) into_.parts_.emplace_back();
    return into_.parts_.back().text;
  }

  void add(part made) {
    if (made.count > most_urls / into_.size_) fail("there are more URLs than can be counted");
    made.varies = true;
    into_.size_ *= made.count;
    into_.parts_.push_back(std::move(made));
  }

  void set() {
    part made;
    std::string element;
    std::size_t at = at_ + 1;
    for (;; ++at) {
      if (at == pattern_.size()) fail("this '{' is not closed");
      const char c = pattern_[at];
      if (c == '\\' && at + 1 < pattern_.size() && escapable(pattern_[at + 1])) {
        element += pattern_[++at];
      } else if (c == '{' || c == '[') {
        at_ = at;
        fail("a set has neither sets nor ranges in it");
      } else if (c == ']') {
        at_ = at;
        fail("there is no '[' before this ']'");
      } else if (c == ',' || c == '}') {
        made.elements.push_back(std::exchange(element, {}));
        if (c == '}') break;
      } else {
        element += c;
      }
    }
    if (made.elements.size() == 1 && made.elements[0].empty()) fail("the set is empty");
    made.count = made.elements.size();
    add(std::move(made));
    at_ = at + 1;
  }

  void brackets() {
    const auto close = pattern_.find(']', at_);
    if (close == pattern_.npos) fail("this '[' is not closed");
    const auto inside = pattern_.substr(at_ + 1, close - at_ - 1);
    if (inside.empty() || is_address(inside))
      literal() += pattern_.substr(at_, close + 1 - at_);
    else
      add(range(inside));
    at_ = close + 1;
  }

  part range(std::string_view inside) {
    std::uint64_t step = 1;
    const auto colon = inside.find(':');
    const auto ends = inside.substr(0, colon);
    if (colon != inside.npos) {
      const auto given = number_of(inside.substr(colon + 1));
      if (!given || *given == 0) fail(fmt::format("the step '{}' is no number above 0", inside.substr(colon + 1)));
      step = *given;
    }
    const auto dash = ends.find('-');
    if (dash == ends.npos) fail(fmt::format("'{}' is no range", inside));
    const auto first = ends.substr(0, dash);
    const auto last = ends.substr(dash + 1);
    part made;
    made.step = step;
    std::uint64_t end = 0;
    if (first.size() == 1 && last.size() == 1 && is_range_letter(first[0]) && is_range_letter(last[0])) {
      made.first = static_cast<unsigned char>(first[0]);
      end = static_cast<unsigned char>(last[0]);
      if (end >= made.first && (first[0] < 'a') != (last[0] < 'a')) fail("a range of letters is of one case");
    } else {
      const auto from = number_of(first);
      const auto to = number_of(last);
      if (!from || !to) fail(fmt::format("'{}' is no range of numbers or of letters", inside));
      made.first = *from;
      end = *to;
      made.digits = first.size() > 1 && first[0] == '0' ? first.size() : 1;
    }
    if (end < made.first) fail(fmt::format("the range '{}' ends before it begins", inside));
    if (end > made.first && step > end - made.first) fail(fmt::format("the step {} is larger than the range", step));
    const std::uint64_t steps = (end - made.first) / step;
    if (steps >= most_urls) fail("there are more URLs than can be counted");
    made.count = steps + 1;
    return made;
  }

  std::string_view pattern_;
  url_glob& into_;
  std::size_t at_ = 0;
};

url_glob::url_glob(std::string_view pattern) {
  parser(pattern, *this).parse();
}

std::string url_glob::value(const part& from, std::uint64_t which) {
  if (!from.elements.empty()) return from.elements[which];
  const std::uint64_t number = from.first + which * from.step;
  if (from.digits == 0) return std::string(1, static_cast<char>(number));
  return fmt::format("{:0{}}", number, from.digits);
}

std::vector<std::string> url_glob::values(std::uint64_t number) const {
  std::vector<std::string> found;
  for (auto each = parts_.rbegin(); each != parts_.rend(); ++each) {
    if (!each->varies) continue;
    found.insert(found.begin(), value(*each, number % each->count));
    number /= each->count;
  }
  return found;
}

std::string url_glob::operator[](std::uint64_t number) const {
  const auto found = values(number);
  std::string url;
  auto next = found.begin();
  for (const auto& each : parts_) url += each.varies ? *next++ : each.text;
  return url;
}

}  // namespace fanout::fetch
