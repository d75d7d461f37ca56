#include <fanout/fetch/name_template.hpp>
#include <fanout/fetch/remote_name.hpp>
#include <fanout/fetch/units.hpp>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

constexpr std::size_t most_extension = 8;

/// Behind "://" and a user, without a port.
std::string host_for_name(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != url.npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  if (const auto user = url.rfind('@'); user != url.npos) url.remove_prefix(user + 1);
  const auto bracket = url.find(']');
  if (const auto port = url.rfind(':'); port != url.npos && (bracket == url.npos || port > bracket))
    url = url.substr(0, port);
  std::string host;
  for (const char c : url) host += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c == ':' ? '-' : c;
  std::erase_if(host, [](char c) { return c == '[' || c == ']'; });
  return host;
}

std::string_view extension_of_type(std::string_view type) {
  type = type.substr(0, type.find_first_of("; \t"));
  constexpr std::array<std::pair<std::string_view, std::string_view>, 24> known{{
      {"text/html", "html"},        {"application/xhtml+xml", "html"},
      {"text/plain", "txt"},        {"text/css", "css"},
      {"text/csv", "csv"},          {"text/javascript", "js"},
      {"application/json", "json"}, {"application/xml", "xml"},
      {"text/xml", "xml"},          {"application/pdf", "pdf"},
      {"application/zip", "zip"},   {"application/gzip", "gz"},
      {"image/jpeg", "jpg"},        {"image/png", "png"},
      {"image/gif", "gif"},         {"image/webp", "webp"},
      {"image/avif", "avif"},       {"image/svg+xml", "svg"},
      {"image/tiff", "tiff"},       {"image/bmp", "bmp"},
      {"video/mp4", "mp4"},         {"video/webm", "webm"},
      {"audio/mpeg", "mp3"},        {"audio/ogg", "ogg"},
  }};
  for (const auto& [each, extension] : known)
    if (boost::beast::iequals(type, each)) return extension;
  return {};
}

std::string extension_of(const name_parts& of) {
  const auto dot = of.name.rfind('.');
  if (dot != of.name.npos && dot > 0) {
    const auto written = of.name.substr(dot + 1);
    const bool fit = !written.empty() && written.size() <= most_extension &&
                     std::all_of(written.begin(), written.end(), [](unsigned char c) { return std::isalnum(c); });
    if (fit) return std::string(written);
  }
  const auto by_type = extension_of_type(of.content_type);
  return by_type.empty() ? "bin" : std::string(by_type);
}

}  // namespace

name_template::name_template(const std::string& pattern) {
  std::string_view rest = pattern;
  const auto add_text = [this](std::string_view text) {
    if (!text.empty()) pieces_.push_back({field::text, std::string(text)});
  };
  while (!rest.empty()) {
    const auto open = std::min(rest.find_first_of("{}"), rest.size());
    add_text(rest.substr(0, open));
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const auto close = rest.find('}');
    if (rest.front() == '}' || close == rest.npos)
      throw std::invalid_argument(fmt::format("'{}' has a brace without its other one", pattern));
    add_field(rest.substr(1, close - 1), pattern);
    rest.remove_prefix(close + 1);
  }
  if (pieces_.empty()) throw std::invalid_argument("a name is made of something");
  bool whole_digest = false;
  bool others = false;
  for (const piece& each : pieces_) {
    uses_digest_ |= each.what == field::sha256;
    uses_headers_ |= each.what == field::extension;
    whole_digest |= each.what == field::sha256 && each.most >= 64;
    others |= each.what == field::index;
  }
  is_content_ = whole_digest && !others;
}

void name_template::add_field(std::string_view words, std::string_view pattern) {
  constexpr std::array<std::pair<std::string_view, field>, 5> known{{{"index", field::index},
                                                                     {"host", field::host},
                                                                     {"name", field::name},
                                                                     {"ext", field::extension},
                                                                     {"sha256", field::sha256}}};
  const auto colon = std::min(words.find(':'), words.size());
  for (const auto& [name, what] : known) {
    if (name != words.substr(0, colon)) continue;
    piece made{what};
    if (colon < words.size()) made.most = parse_count(words.substr(colon + 1), 1, 64);
    pieces_.push_back(std::move(made));
    return;
  }
  throw std::invalid_argument(fmt::format(
      "'{}' has {{{}}}, which is none of {{index}}, {{host}}, {{name}}, {{ext}} and {{sha256}}", pattern, words));
}

std::string name_template::name_of(const name_parts& of) const {
  // Slashes of fields are none between folders.
  const auto one_part = [](std::string text) {
    std::replace(text.begin(), text.end(), '/', '_');
    return text;
  };
  const std::string index = fmt::format("{:08}", of.index);
  std::string path;
  for (const piece& each : pieces_) {
    std::string text = each.text;
    if (each.what == field::index) text = index;
    if (each.what == field::host) text = one_part(host_for_name(of.url));
    if (each.what == field::name) text = one_part(of.name.empty() ? index : std::string(of.name));
    if (each.what == field::extension) text = extension_of(of);
    if (each.what == field::sha256) text = of.sha256;
    path += text.substr(0, each.most);
  }
  std::string safe;
  for (std::string_view rest = path;;) {
    const auto end = std::min(rest.find('/'), rest.size());
    std::string part = safe_file_name(rest.substr(0, end));
    safe += part.empty() ? "_" : part;
    if (end == rest.size()) return safe;
    safe += '/';
    rest.remove_prefix(end + 1);
  }
}

}  // namespace fanout::fetch
