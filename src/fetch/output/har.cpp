#include <fanout/fetch/har.hpp>

#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>
#include <string_view>
#include <vector>

namespace fanout::fetch {
namespace {

namespace json = boost::json;

/// One header of a message, as it was on the wire.
struct message_head {
  std::string_view first_line;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  std::size_t size = 0;

  std::string_view value_of(std::string_view name) const {
    for (const auto& [each, value] : fields)
      if (boost::beast::iequals(each, name)) return value;
    return {};
  }
};

/// Takes the next line off the front.
std::string_view take_line(std::string_view& rest) {
  const auto end = std::min(rest.find("\r\n"), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 2, rest.size()));
  return line;
}

std::vector<message_head> heads_in(std::string_view text) {
  std::vector<message_head> all;
  while (!text.empty()) {
    const std::size_t before = text.size();
    message_head head;
    head.first_line = take_line(text);
    for (std::string_view line; !(line = take_line(text)).empty();) {
      const auto colon = std::min(line.find(':'), line.size());
      std::string_view value = line.substr(std::min(colon + 1, line.size()));
      value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
      head.fields.emplace_back(line.substr(0, colon), value);
    }
    head.size = before - text.size();
    all.push_back(std::move(head));
  }
  return all;
}

/// The word of a first line, counted from 0; of the last one asked for, the rest.
std::string_view word_of(std::string_view line, int index, bool rest = false) {
  for (; index > 0; --index) line.remove_prefix(std::min(std::min(line.find(' '), line.size()) + 1, line.size()));
  return rest ? line : line.substr(0, line.find(' '));
}

json::string text_value(std::string_view text) {
  return json::string(is_utf8(text) ? text : repaired(text));
}

json::array headers_value(const message_head& head) {
  json::array all;
  for (const auto& [name, value] : head.fields)
    all.push_back(json::object{{"name", text_value(name)}, {"value", text_value(value)}});
  return all;
}

json::array query_value(std::string_view url) {
  json::array all;
  const auto mark = url.find('?');
  if (mark == url.npos) return all;
  std::string_view rest = url.substr(mark + 1);
  rest = rest.substr(0, rest.find('#'));
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    all.push_back(json::object{{"name", text_value(pair.substr(0, equals))},
                               {"value", text_value(pair.substr(std::min(equals + 1, pair.size())))}});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return all;
}

json::object request_value(const request& asked, const message_head& head, const std::string& url, bool with_body) {
  json::object made{{"method", text_value(head.first_line.empty() ? asked.method : word_of(head.first_line, 0))},
                    {"url", text_value(url)},
                    {"httpVersion", text_value(head.first_line.substr(head.first_line.rfind(' ') + 1))},
                    {"cookies", json::array()},
                    {"headers", headers_value(head)},
                    {"queryString", query_value(url)},
                    {"headersSize", head.size},
                    {"bodySize", -1}};
  if (with_body && !asked.body.empty()) {
    made["bodySize"] = asked.body.size();
    made["postData"] =
        json::object{{"mimeType", text_value(head.value_of("content-type"))}, {"text", text_value(asked.body)}};
  }
  return made;
}

json::object content_value(const record& result, std::string_view type) {
  json::object made{{"size", result.bytes}, {"mimeType", text_value(type)}};
  if (!result.body) return made;
  if (is_utf8(*result.body)) {
    made["text"] = *result.body;
    return made;
  }
  std::string coded((result.body->size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(coded.data()),
                                   reinterpret_cast<const unsigned char*>(result.body->data()),
                                   static_cast<int>(result.body->size()));
  coded.resize(static_cast<std::size_t>(size));
  made["text"] = coded;
  made["encoding"] = "base64";
  return made;
}

json::object response_value(const record& result, const message_head& head, bool last) {
  int status = 0;
  const std::string_view digits = word_of(head.first_line, 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), status);
  json::object made{{"status", status},
                    {"statusText", text_value(word_of(head.first_line, 2, true))},
                    {"httpVersion", text_value(word_of(head.first_line, 0))},
                    {"cookies", json::array()},
                    {"headers", headers_value(head)},
                    {"redirectURL", text_value(head.value_of("location"))},
                    {"headersSize", head.size},
                    {"bodySize", -1}};
  const std::string_view type = head.value_of("content-type");
  made["content"] = last ? content_value(result, type) : json::object{{"size", 0}, {"mimeType", text_value(type)}};
  if (last && result.error && *result.error != failure_kind::status) made["_error"] = text_value(result.message);
  return made;
}

double to_ms(std::int64_t ns) {
  return static_cast<double>(ns) / 1e6;
}

/// In HAR, `connect` has `ssl` in it, and -1 is what was not done.
json::object timings_value(const record& result) {
  const timings took = result.measured.value_or(timings{});
  const std::int64_t before = took.queued_ns + took.name_lookup_ns + took.connect_ns + took.tls_ns;
  const std::int64_t wait = std::max<std::int64_t>(took.first_byte_ns - before, 0);
  const auto or_none = [](std::int64_t ns) { return ns == 0 ? -1.0 : to_ms(ns); };
  return {{"blocked", to_ms(took.queued_ns)},
          {"dns", or_none(took.name_lookup_ns)},
          {"connect", or_none(took.connect_ns + took.tls_ns)},
          {"ssl", or_none(took.tls_ns)},
          {"send", 0},
          {"wait", to_ms(wait)},
          {"receive", to_ms(std::max<std::int64_t>(result.elapsed_ns - before - wait, 0))}};
}

std::string iso_time(std::chrono::system_clock::time_point when) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms % 1000);
}

/// The URL of a request, from its own header; what was asked where there is none.
std::string url_of(const message_head& sent, const request& asked, const std::string& last_url, bool last) {
  if (last && !last_url.empty()) return last_url;
  const std::string_view host = sent.value_of("host");
  const std::string_view target = word_of(sent.first_line, 1);
  if (host.empty() || !target.starts_with('/')) return asked.url;
  return fmt::format("{}://{}{}", asked.url.starts_with("https:") ? "https" : "http", host, target);
}

}  // namespace

void append_har_entries(std::string& text, const request& asked, const record& result,
                        std::chrono::system_clock::time_point ended) {
  const auto sent = heads_in(result.sent_heads);
  const auto got = heads_in(result.heads);
  const auto started = ended - std::chrono::nanoseconds(result.elapsed_ns);
  const std::size_t count = std::max<std::size_t>({sent.size(), got.size(), 1});
  for (std::size_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    const message_head request_head = i < sent.size() ? sent[i] : message_head{};
    const message_head response_head = i < got.size() ? got[i] : message_head{};
    const std::string url = url_of(request_head, asked, result.final_url, last);
    json::object entry{
        {"startedDateTime", iso_time(started)},
        {"time", last ? to_ms(result.elapsed_ns) : 0.0},
        {"request", request_value(asked, request_head, url, i == 0)},
        {"response", response_value(result, response_head, last)},
        {"cache", json::object()},
        {"timings", last ? timings_value(result) : json::object{{"send", 0}, {"wait", 0}, {"receive", 0}}}};
    if (!last) entry["comment"] = "what it took is in the time of the last entry";
    if (last && result.measured && !result.measured->remote_address.empty()) {
      std::string address = result.measured->remote_address;
      address.resize(std::min(address.rfind(':'), address.size()));
      if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
      entry["serverIPAddress"] = address;
    }
    if (i > 0) text += ",\n";
    text += json::serialize(entry);
  }
}

void har_output::take(finished& each, writer& to) {
  to.append(to_, [&](std::string& text) {
    text += any_ ? std::string(",\n")
                 : std::string("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"fanout\",\"version\":\"") +
                       FANOUT_VERSION + "\"},\"entries\":[\n";
    append_har_entries(text, each.asked, each.result, std::chrono::system_clock::now());
  });
  any_ = true;
}

void har_output::close() {
  if (!any_ && to_.replaces()) return to_.abandon();
  if (!any_)
    to_.write(std::string("{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"fanout\",\"version\":\"") +
              FANOUT_VERSION + "\"},\"entries\":[");
  to_.write("\n]}}\n");
  to_.close();
}

}  // namespace fanout::fetch
