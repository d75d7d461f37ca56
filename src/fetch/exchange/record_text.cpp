#include <fanout/base/detail/byte_scan.hpp>
#include <fanout/fetch/record_text.hpp>

#include "fetch/text/text.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <iterator>

namespace fanout::fetch {
namespace {

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

bool is_plain(std::string_view text) {
  const auto is_odd = [](std::uint64_t word) {
    return fanout::detail::any_below(word, 0x20) | (word & (0x80 * fanout::detail::each_byte_1)) |
           fanout::detail::any_equal(word, 0x7f) | fanout::detail::any_equal(word, '"') |
           fanout::detail::any_equal(word, '\\');
  };
  if (text.size() >= 8) return !fanout::detail::any_eight(text, is_odd);
  return std::all_of(text.begin(), text.end(), [](char c) { return is_plain(c); });
}

/// Two URLs of this length, and what else append_json puts together, are less.
constexpr std::size_t usual_url = 512;
constexpr std::size_t most_text = 2 * usual_url + 320;

/// Text of bounded length that is put together in place: to append to a string, or to format, is a call for each part.
class short_text {
 public:
  short_text& put(std::string_view text) noexcept {
    assert(text.size() <= sizeof(bytes_) - size_);
    size_ += text.copy(bytes_ + size_, text.size());
    return *this;
  }
  template <std::size_t Size>
  short_text& put(const char (&text)[Size]) noexcept {  // whose size is known is copied without a call
    assert(Size - 1 <= sizeof(bytes_) - size_);
    std::memcpy(bytes_ + size_, text, Size - 1);
    size_ += Size - 1;
    return *this;
  }
  short_text& number(std::uint64_t value) noexcept {
    const fmt::format_int digits(value);
    return put({digits.data(), digits.size()});
  }
  /// In milliseconds, with three digits behind the point.
  short_text& milliseconds(std::int64_t ns) noexcept {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)) / 1'000;
    const auto rest = static_cast<unsigned>(us % 1'000);
    const char behind[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
    return number(us / 1'000).put({behind, sizeof(behind)});
  }
  std::string_view view() const noexcept { return {bytes_, size_}; }
  void clear() noexcept { size_ = 0; }

 private:
  char bytes_[most_text];
  std::size_t size_ = 0;
};

std::string_view version_text(const record& of) {
  return of.http_version == 20 ? "2" : of.http_version == 10 ? "1.0" : "1.1";
}

void append_headers(std::string& text, const header_list& headers) {
  char separator = '[';
  text += ",\"headers\":";
  for (const auto& [name, value] : headers) {
    text += separator;
    text += '[';
    append_json_string(text, name);
    text += ',';
    append_json_string(text, value);
    text += ']';
    separator = ',';
  }
  text += ']';
}

void append_timings(std::string& text, const timings& of) {
  text += ",\"timings\":{";
  for (const auto& [name, took] : {std::pair("queued_ms", of.queued_ns), std::pair("name_lookup_ms", of.name_lookup_ns),
                                   std::pair("connect_ms", of.connect_ns), std::pair("tls_ms", of.tls_ns),
                                   std::pair("first_byte_ms", of.first_byte_ns), std::pair("total_ms", of.total_ns)})
    fmt::format_to(std::back_inserter(text), "\"{}\":{}.{:03},", name, took / 1'000'000, took / 1'000 % 1'000);
  fmt::format_to(
      std::back_inserter(text),
      "\"bytes_sent\":{},\"bytes_received\":{},\"connection_reused\":{},\"redirects\":{},\"remote_address\":",
      of.bytes_sent, of.bytes_received, of.connection_reused, of.redirects);
  append_json_string(text, of.remote_address);
  text += '}';
}

void append_body(std::string& text, const std::string& body) {
  if (is_utf8(body)) {
    text += ",\"body\":";
    return append_json_string(text, body);
  }
  text += ",\"body_base64\":\"";
  constexpr std::size_t chunk = 3 << 20;  // whole groups of three bytes, so that only the last chunk is padded
  std::string encoded((std::min(chunk, body.size()) + 2) / 3 * 4 + 1, '\0');
  for (std::size_t from = 0; from < body.size(); from += chunk) {
    const auto size = std::min(chunk, body.size() - from);
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(body.data() + from), static_cast<int>(size));
    text.append(encoded.data(), static_cast<std::size_t>(length));
  }
  text += '"';
}

/// The last of the headers in `heads`, with ends of lines as a terminal has them.
void append_last_head(std::string& text, std::string_view heads) {
  const auto before = heads.size() < 4 ? heads.npos : heads.rfind("\r\n\r\n", heads.size() - 5);
  if (before != heads.npos) heads.remove_prefix(before + 4);
  while (!heads.empty()) {
    const auto end = std::min(heads.find("\r\n"), heads.size());
    text.append(printable(heads.substr(0, end))).append("\n");
    heads.remove_prefix(std::min(end + 2, heads.size()));
  }
}

}  // namespace

void append_json_string(std::string& text, std::string_view value) {
  if (is_plain(value)) {  // nearly always
    const std::size_t at = text.size();
    text.resize(at + value.size() + 2);
    text[at] = text.back() = '"';
    value.copy(text.data() + at + 1, value.size());
    return;
  }
  text += boost::json::serialize(boost::json::string_view(is_utf8(value) ? value : repaired(value)));
}

void append_json(std::string& text, std::uint64_t index, const request& asked, const record& result,
                 std::string_view file, json_fields with) {
  short_text made;
  made.put("{\"index\":").number(index);
  if (!asked.id.empty()) {
    text += made.put(",\"id\":").view();
    made.clear();
    append_json_string(text, asked.id);
  }
  made.put(",\"url\":");
  const bool usual = asked.url.size() <= usual_url && is_plain(asked.url);
  if (usual) {
    made.put("\"").put(asked.url).put("\"");
  } else {
    text += made.view();
    made.clear();
    append_json_string(text, asked.url);
  }
  if (result.status != 0)
    made.put(",\"status\":").number(static_cast<std::uint64_t>(std::max(result.status, 0)));
  else
    made.put(",\"status\":null");
  made.put(",\"bytes\":").number(result.bytes).put(",\"elapsed_ms\":").milliseconds(result.elapsed_ns);
  made.put(",\"attempts\":").number(static_cast<std::uint64_t>(std::max(result.attempts, 0)));
  if (result.http_version != 0) made.put(",\"http_version\":\"").put(version_text(result)).put("\"");
  if (result.tls_version != 0) made.put(",\"tls\":\"1.").number(result.tls_version % 10U).put("\"");
  if (result.error) {
    text += made.put(",\"error\":{\"kind\":\"").put(to_string(*result.error)).put("\",\"message\":").view();
    made.clear();
    append_json_string(text, result.message);
    made.put("},\"final_url\":");
  } else {
    made.put(",\"error\":null,\"final_url\":");
  }
  if (result.status == 0) {
    text += made.put("null").view();
  } else if (!result.final_url.empty()) {
    text += made.view();
    append_json_string(text, result.final_url);
  } else if (usual) {
    text += made.put("\"").put(asked.url).put("\"").view();
  } else {
    text += made.view();
    append_json_string(text, asked.url);
  }
  if (!file.empty()) {
    text += ",\"file\":";
    append_json_string(text, file);
  }
  if (!result.sha256.empty()) text.append(",\"sha256\":\"").append(result.sha256).append("\"");
  if (result.skipped) text += ",\"skipped\":true";
  if (!result.remark.empty()) {
    text += ",\"remark\":";
    append_json_string(text, result.remark);
  }
  if (with.headers && !result.headers.empty()) append_headers(text, result.headers);
  if (result.measured) append_timings(text, *result.measured);
  if (with.body && result.body) append_body(text, *result.body);
  text += asked.extra;
  text += "}\n";
}

void append_details(std::string& text, const request& asked, const record& result, json_fields with) {
  const std::size_t begin = text.size();
  if (!result.sha256.empty()) text.append(",\"sha256\":\"").append(result.sha256).append("\"");
  if (with.headers && !result.headers.empty()) append_headers(text, result.headers);
  if (result.measured) append_timings(text, *result.measured);
  text += asked.extra;
  if (text.size() == begin) return;
  text[begin] = '{';  // instead of the first comma
  text += '}';
}

void append_readable(std::string& text, const request& asked, const record& result) {
  const std::string status = result.status ? std::to_string(result.status) : std::string("---");
  fmt::format_to(std::back_inserter(text), "{} {:>9} {:>9.1f} ms  {}", status, readable_bytes(result.bytes),
                 static_cast<double>(result.elapsed_ns) / 1e6, printable(asked.url));
  if (!result.final_url.empty()) fmt::format_to(std::back_inserter(text), " -> {}", printable(result.final_url));
  if (result.error)
    fmt::format_to(std::back_inserter(text), "  [{}] {}", to_string(*result.error), printable(result.message));
  text += '\n';
}

void append_head(std::string& text, const record& result) {
  if (!result.heads.empty()) return append_last_head(text, result.heads);
  fmt::format_to(std::back_inserter(text), "HTTP/{} {}\n", version_text(result), result.status);
  for (const auto& [name, value] : result.headers)
    fmt::format_to(std::back_inserter(text), "{}: {}\n", printable(name), printable(value));
  text += '\n';
}

std::string readable_bytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"kB", "MB", "GB", "TB", "PB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1000;
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace fanout::fetch
