#include "fetch/text/raw_members.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>

namespace fanout::fetch {
namespace {

using namespace std::string_view_literals;

constexpr std::array of_request{"url"sv, "id"sv, "method"sv, "headers"sv, "body"sv};
constexpr std::array of_record{"index"sv,  "status"sv,       "bytes"sv, "elapsed_ms"sv, "attempts"sv,
                               "error"sv,  "final_url"sv,    "file"sv,  "timings"sv,    "body_base64"sv,
                               "reason"sv, "http_version"sv, "trace"sv, "sha256"sv};

/// Where the string that begins at `at` ends.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

/// Where the value that begins at `at` ends: at a comma or a bracket outside of it.
std::size_t value_end(std::string_view text, std::size_t at) {
  for (int depth = 0;; ++at) {
    const char c = text[at];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return at;
    if (c == '"')
      at = string_end(text, at) - 1;
    else if (c == '{' || c == '[')
      ++depth;
    else if (c == '}' || c == ']')
      --depth;
  }
}

std::string_view member_text(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto first = std::min(text.find_first_not_of(blank), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(blank) + 1);
}

template <std::size_t Size>
bool has(const std::array<std::string_view, Size>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string extra_members(std::string_view object) {
  std::string made;
  std::size_t at = object.find('{') + 1;
  while ((at = object.find_first_of("\"}", at)) != object.npos && object[at] == '"') {
    const std::size_t name_end = string_end(object, at);
    const std::string_view written = object.substr(at, name_end - at);
    const std::size_t value_begin = object.find(':', name_end) + 1;
    at = value_end(object, value_begin);
    std::string_view name = written.substr(1, written.size() - 2);
    boost::json::value decoded;  // holds a name with escapes
    if (name.find('\\') != name.npos) {
      decoded = boost::json::parse(written);
      name = decoded.get_string();
    }
    if (has(of_request, name)) continue;
    made += ',';
    if (has(of_record, name))
      made.append("\"input_").append(written.substr(1));
    else
      made += written;
    made.append(":").append(member_text(object.substr(value_begin, at - value_begin)));
  }
  return made;
}

void set_column(request& of, std::string_view name, std::string_view value) {
  constexpr std::string_view blank = " \t\r\n";
  if (name == "sha256") {
    of.sha256 = member_text(value);
  } else if (name == "mirrors") {
    while (!(value = member_text(value)).empty()) {
      const auto end = std::min(value.find_first_of(blank), value.size());
      of.mirrors.emplace_back(value.substr(0, end));
      value.remove_prefix(end);
    }
  }
}

bool is_member_of_records(std::string_view name) {
  constexpr std::array<std::string_view, 18> members{
      "index", "id",   "url",       "status",  "bytes",  "elapsed_ms", "attempts", "http_version", "tls",
      "error", "file", "final_url", "skipped", "remark", "headers",    "timings",  "body",         "sha256"};
  return name == "body_base64" || std::find(members.begin(), members.end(), name) != members.end();
}

}  // namespace fanout::fetch
