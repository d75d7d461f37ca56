#include "fetch/bodies/kept_part.hpp"

#include <fanout/base/detail/file_text.hpp>
#include <fanout/fetch/output.hpp>

#include "fetch/text/http_date.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>

namespace fanout::fetch::detail {
namespace {

// Between a date of modification and the answer's own, for the first to be strong: a file may change twice within a
// second, and the clocks that made the dates may differ.
constexpr std::int64_t trusted_age_s = 60;

std::string record_of(const std::string& part) {
  return part + ".json";
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Content-Range (RFC 9110 section 14.4): "bytes 5-9/10", "bytes 5-9/*", and of a 416 "bytes */10".
struct content_range {
  std::optional<std::uint64_t> first, last;
  std::optional<std::uint64_t> whole;
};
std::optional<content_range> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  text.remove_prefix(unit.size());
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto range = text.substr(0, slash);
  const auto whole = text.substr(slash + 1);
  content_range made;
  if (whole != "*") {
    made.whole = parse_number(whole);
    if (!made.whole) return std::nullopt;
  }
  if (range == "*") return made;
  const auto dash = range.find('-');
  if (dash == range.npos) return std::nullopt;
  made.first = parse_number(range.substr(0, dash));
  made.last = parse_number(range.substr(dash + 1));
  return made.first && made.last ? std::optional(made) : std::nullopt;
}

bool is_coded(const http::response& head) {
  const auto coding = head.headers["content-encoding"];
  return !coding.empty() && coding != "identity";
}

}  // namespace

std::string strong_validator(const http::response& head) {
  const auto tag = head.headers["etag"];
  if (tag.starts_with('"')) return std::string(tag);
  if (!tag.empty()) return {};  // a weak one: a date beside it says no more
  const auto modified = head.headers["last-modified"];
  const auto changed = parse_http_date(modified);
  const auto sent = parse_http_date(head.headers["date"]);
  return changed && sent && *sent - *changed >= trusted_age_s ? std::string(modified) : std::string();
}

std::optional<kept_part> kept_part::find(const std::string& part, const std::string& url, std::string& refused) {
  struct stat there{};
  if (stat(part.c_str(), &there) != 0 || !S_ISREG(there.st_mode) || there.st_size == 0) return std::nullopt;
  const std::string text = fanout::detail::file_text(record_of(part)).value_or("");
  boost::system::error_code malformed;
  const auto record = boost::json::parse(text, malformed);
  const auto* const all = malformed ? nullptr : record.if_object();
  const auto* const of_url = all ? all->if_contains("url") : nullptr;
  const auto* const validator = all ? all->if_contains("validator") : nullptr;
  if (!of_url || !of_url->is_string() || !validator || !validator->is_string()) {
    refused = fmt::format("nothing tells what {} is a part of", part);
    return std::nullopt;
  }
  if (of_url->get_string() != url) {
    refused = fmt::format("{} is a part of {}", part, std::string_view(of_url->get_string()));
    return std::nullopt;
  }
  kept_part made;
  made.size_ = static_cast<std::uint64_t>(there.st_size);
  made.validator_ = std::string(validator->get_string());
  if (const auto* const bytes = all->if_contains("bytes"))
    if (const auto* const number = bytes->if_int64()) made.whole_size_ = static_cast<std::uint64_t>(*number);
  return made;
}

void kept_part::remember(const std::string& part, const std::string& url, const http::response& head) {
  const std::string validator = strong_validator(head);
  if (head.status != 200 || is_coded(head) || validator.empty()) return forget(part);
  boost::json::object all{{"url", url}, {"validator", validator}, {"bytes", nullptr}};
  if (const auto bytes = parse_number(head.headers["content-length"])) all["bytes"] = static_cast<std::int64_t>(*bytes);
  const int to = open(record_of(part).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (to < 0) return;
  const int failed = write_all(to, boost::json::serialize(all) + "\n");
  close(to);
  if (failed != 0) forget(part);
}

void kept_part::forget(const std::string& part) {
  unlink(record_of(part).c_str());
}

void kept_part::ask_for_rest(http::request& into) const {
  into.headers.set("Range", fmt::format("bytes={}-", size_));
  into.headers.set("If-Range", validator_);
}

kept_part::answer kept_part::judge(const http::response& head, std::string& why) const {
  const auto range = parse_content_range(head.headers["content-range"]);
  const std::string validator = strong_validator(head);
  const bool other = !validator.empty() && validator != validator_;
  if (head.status == 206) {
    const auto whole = whole_size_ ? whole_size_ : range ? range->whole : std::nullopt;
    const bool fits = range && range->first == size_ && (!range->whole || range->whole == whole) &&
                      (!whole || *range->last + 1 == *whole);
    if (fits && !other && !is_coded(head)) return answer::rest_follows;
    why = "the server sent another part than the rest";
    return answer::unusable;
  }
  if (head.status == 416) {
    if (!other && range && range->whole == size_ && (!whole_size_ || *whole_size_ == size_)) return answer::whole;
    why = "the server has less of it than was there";
    return answer::unusable;
  }
  if (head.status < 200 || head.status >= 300) return answer::no_answer;
  why = validator == validator_ ? "the server does not send parts" : "it has changed on the server";
  return answer::anew;
}

}  // namespace fanout::fetch::detail
