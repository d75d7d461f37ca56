#include "fetch/sources/request_line.hpp"

#include "fetch/text/raw_members.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace fanout::fetch {
namespace {

namespace json = boost::json;

/// The member as text; numbers, which ids often are, as they are written.
std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const member = object.if_contains(name);
  if (!member || member->is_null()) return {};
  if (const auto* const text = member->if_string()) return std::string(*text);
  if (member->is_int64()) return std::to_string(member->get_int64());
  if (member->is_uint64()) return std::to_string(member->get_uint64());
  throw std::invalid_argument(fmt::format("\"{}\" is not a string", name));
}

request from_object(const json::object& object) {
  request made;
  made.method.clear();
  made.url = text_of(object, "url");
  made.id = text_of(object, "id");
  made.method = text_of(object, "method");
  made.body = text_of(object, "body");
  if (const json::value* const headers = object.if_contains("headers"); headers && !headers->is_null()) {
    if (!headers->is_object()) throw std::invalid_argument("\"headers\" is not an object");
    for (const auto& [name, value] : headers->get_object()) {
      if (!value.is_string()) throw std::invalid_argument("a value in \"headers\" is not a string");
      made.headers.emplace_back(std::string(name), std::string(value.get_string()));
    }
  }
  if (const json::value* const mirrors = object.if_contains("mirrors"); mirrors && mirrors->is_array()) {
    for (const json::value& each : mirrors->get_array()) {
      if (!each.is_string()) throw std::invalid_argument("a value in \"mirrors\" is not a string");
      made.mirrors.emplace_back(each.get_string());
    }
  } else {
    set_column(made, "mirrors", text_of(object, "mirrors"));
  }
  set_column(made, "sha256", text_of(object, "sha256"));
  if (made.url.empty()) throw std::invalid_argument("\"url\" is missing");
  return made;
}

}  // namespace

void read_request(std::string_view line, bool passthrough, request& made) {
  made.method.clear();
  if (!line.starts_with('{')) {
    made.url = line;
    return;
  }
  boost::system::error_code failed;
  const json::value parsed = json::parse(line, failed);
  try {
    if (failed) throw std::invalid_argument(failed.message());
    if (!parsed.is_object()) throw std::invalid_argument("not an object");
    made = from_object(parsed.get_object());
    if (passthrough) made.extra = extra_members(line);
  } catch (const std::invalid_argument& why) {
    made.url = line;
    made.problem = fmt::format("the line is no JSON request: {}", why.what());
  }
}

request request_of_line(std::string_view line, bool passthrough) {
  request made;
  read_request(without_blanks(line), passthrough, made);
  return made;
}

}  // namespace fanout::fetch
