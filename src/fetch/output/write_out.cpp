#include "fetch/output/write_out.hpp"

#include <fanout/fetch/curl_status.hpp>
#include <fanout/fetch/record_text.hpp>
#include <fanout/http/url.hpp>

#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace fanout::fetch {
namespace {

/// What the variables look at.
struct written_page {
  std::uint64_t index;
  const request& asked;
  const record& result;
  timings took;
  int exit_status;
};

std::string_view header_of(const record& result, std::string_view name) {
  for (const auto& [each, value] : result.headers)
    if (boost::beast::iequals(each, name)) return value;
  return {};
}

std::string effective_url(const written_page& page) {
  if (!page.result.final_url.empty()) return page.result.final_url;
  try {  // as it was sent: with the scheme that was not given, and without a fragment
    return http::url(page.asked.url.find("://") == std::string::npos ? "http://" + page.asked.url : page.asked.url)
        .str();
  } catch (const error&) {
    return page.asked.url;
  }
}

std::string_view version_of(const record& result) {
  if (result.status == 0) return "0";
  return result.http_version == 20 ? "2" : result.http_version == 10 ? "1.0" : "1.1";
}

/// "address" and "port" of "address:port".
std::pair<std::string, std::string> remote_of(const written_page& page) {
  const std::string& all = page.took.remote_address;
  const auto colon = all.rfind(':');
  if (all.empty() || colon == all.npos || all.starts_with("unix:")) return {};
  std::string address = all.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  return {address, all.substr(colon + 1)};
}

std::string redirect_target(const written_page& page) {
  const std::string_view place = header_of(page.result, "location");
  if (place.empty() || page.result.status < 300 || page.result.status > 399) return {};
  try {
    return http::url(effective_url(page)).resolve(place).str();
  } catch (const error&) {
    return std::string(place);
  }
}

std::string seconds_text(std::int64_t ns) {
  return fmt::format("{}.{:06}", ns / 1'000'000'000, ns / 1'000 % 1'000'000);
}

// Ours are lengths of phases, curl's are moments since the beginning.
std::int64_t looked_up(const timings& took) {
  return took.queued_ns + took.name_lookup_ns;
}
std::int64_t connected(const timings& took) {
  return looked_up(took) + took.connect_ns;
}
std::int64_t secured(const timings& took) {
  return connected(took) + took.tls_ns;
}
std::int64_t first_byte(const timings& took) {
  return std::max(took.first_byte_ns, secured(took));
}

std::string header_json(const record& result) {
  std::vector<std::pair<std::string, std::vector<std::string_view>>> all;  // in the order of the first of each
  for (const auto& [name, value] : result.headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const auto same = [&](const auto& one) { return one.first == lower; };
    auto found = std::find_if(all.begin(), all.end(), same);
    if (found == all.end()) found = all.insert(found, {lower, {}});
    found->second.push_back(value);
  }
  std::string text = "{";
  for (const auto& [name, values] : all) {
    if (text.size() > 1) text += ",\n";
    append_json_string(text, name);
    char separator = '[';
    text += ':';
    for (const auto value : values) {
      text += separator;
      append_json_string(text, value);
      separator = ',';
    }
    text += ']';
  }
  return text + "\n}";
}

struct variable {
  std::string_view name;
  bool number;  ///< in JSON
  std::string (*value)(const written_page&);
};

std::string json_of(const written_page& page);

constexpr std::array variables{
    variable{"content_type", false,
             [](const written_page& p) { return std::string(header_of(p.result, "content-type")); }},
    variable{"errormsg", false,
             [](const written_page& p) { return p.exit_status ? p.result.message.str() : std::string(); }},
    variable{"exitcode", true, [](const written_page& p) { return std::to_string(p.exit_status); }},
    variable{"http_code", true, [](const written_page& p) { return fmt::format("{:03}", p.result.status); }},
    variable{"http_version", false, [](const written_page& p) { return std::string(version_of(p.result)); }},
    variable{"method", false, [](const written_page& p) { return p.asked.method; }},
    variable{"num_headers", true, [](const written_page& p) { return std::to_string(p.result.headers.size()); }},
    variable{"num_redirects", true, [](const written_page& p) { return std::to_string(p.took.redirects); }},
    variable{"redirect_url", false, redirect_target},
    variable{"referer", false,
             [](const written_page& p) {
               for (const auto& [name, value] : p.asked.headers)
                 if (boost::beast::iequals(name, "referer")) return value;
               return std::string();
             }},
    variable{"remote_ip", false, [](const written_page& p) { return remote_of(p).first; }},
    variable{"remote_port", true,
             [](const written_page& p) {
               const std::string port = remote_of(p).second;
               return port.empty() ? "0" : port;
             }},
    variable{"response_code", true, [](const written_page& p) { return fmt::format("{:03}", p.result.status); }},
    variable{
        "scheme", false,
        [](const written_page& p) { return std::string(effective_url(p).starts_with("https:") ? "HTTPS" : "HTTP"); }},
    variable{"size_download", true, [](const written_page& p) { return std::to_string(p.result.bytes); }},
    variable{"size_header", true, [](const written_page& p) { return std::to_string(p.result.heads.size()); }},
    variable{"size_request", true, [](const written_page& p) { return std::to_string(p.result.sent_heads.size()); }},
    variable{"speed_download", true,
             [](const written_page& p) {
               const double s = static_cast<double>(p.result.elapsed_ns) / 1e9;
               return fmt::format("{:.0f}", s > 0 ? static_cast<double>(p.result.bytes) / s : 0.0);
             }},
    variable{"time_appconnect", true,
             [](const written_page& p) { return seconds_text(p.took.tls_ns ? secured(p.took) : 0); }},
    variable{"time_connect", true, [](const written_page& p) { return seconds_text(connected(p.took)); }},
    variable{"time_namelookup", true, [](const written_page& p) { return seconds_text(looked_up(p.took)); }},
    variable{"time_pretransfer", true, [](const written_page& p) { return seconds_text(secured(p.took)); }},
    variable{"time_starttransfer", true, [](const written_page& p) { return seconds_text(first_byte(p.took)); }},
    variable{"time_total", true, [](const written_page& p) { return seconds_text(p.result.elapsed_ns); }},
    variable{"url", false, [](const written_page& p) { return p.asked.url; }},
    variable{"url_effective", false, effective_url},
    variable{"urlnum", true, [](const written_page& p) { return std::to_string(p.index); }},
    variable{"json", true, json_of},
    variable{"header_json", true, [](const written_page& p) { return header_json(p.result); }},
};

std::string json_of(const written_page& page) {
  std::string text = "{";
  for (const variable& each : variables) {
    if (each.name == "json" || each.name == "header_json") continue;
    if (text.size() > 1) text += ',';
    append_json_string(text, each.name);
    text += ':';
    const std::string value = each.value(page);
    if (each.number) {
      // "000" is no number in JSON, and ".5" is none either.
      const auto significant = std::min(value.find_first_not_of('0'), value.size() - 1);
      text += value.substr(significant - (significant > 0 && value[significant] == '.' ? 1 : 0));
    } else if (value.empty()) {
      text += "null";
    } else {
      append_json_string(text, value);
    }
  }
  return text + "}";
}

const variable* find_variable(std::string_view name) {
  const auto found =
      std::find_if(variables.begin(), variables.end(), [&](const variable& each) { return each.name == name; });
  return found == variables.end() ? nullptr : &*found;
}

constexpr std::array<std::string_view, 3> marks{"stderr", "stdout", "onerror"};

[[noreturn]] void refuse_variable(std::string_view name) {
  std::vector<std::string_view> names(marks.begin(), marks.end());
  for (const variable& each : variables) names.push_back(each.name);
  throw std::invalid_argument(
      fmt::format("there is no variable %{{{}}}; accepted: {}", printable(name), fmt::join(names, ", ")));
}

}  // namespace

write_out::write_out(std::string_view format) {
  std::string text;
  const auto end_text = [&] {
    if (!text.empty()) parts_.push_back({part_kind::text, std::exchange(text, {})});
  };
  constexpr std::string_view header_mark = "%header{";
  while (!format.empty()) {
    if (format.starts_with("%{") || format.starts_with(header_mark)) {
      const bool is_header = format.starts_with(header_mark);
      const std::size_t begin = is_header ? header_mark.size() : 2;
      const auto end = format.find('}');
      if (end == format.npos) throw std::invalid_argument(fmt::format("'{}' has no closing brace", printable(format)));
      const std::string_view name = format.substr(begin, end - begin);
      if (!is_header && !find_variable(name) && std::find(marks.begin(), marks.end(), name) == marks.end())
        refuse_variable(name);
      end_text();
      parts_.push_back({is_header ? part_kind::header : part_kind::variable, std::string(name)});
      format.remove_prefix(end + 1);
      continue;
    }
    const bool escape = format.size() > 1 && (format.front() == '\\' || format.starts_with("%%"));
    const char next = escape ? format[1] : '\0';
    if (format.front() == '\\' && (next == 'n' || next == 'r' || next == 't'))
      text += next == 'n' ? '\n' : next == 'r' ? '\r' : '\t';
    else if (escape && format.front() == '\\')
      text.append({'\\', next});
    else
      text += format.front();
    format.remove_prefix(escape ? 2 : 1);
  }
  end_text();
}

write_out::texts write_out::of(std::uint64_t index, const request& asked, const record& result, bool fail) const {
  const written_page page{index, asked, result, result.measured.value_or(timings{}), curl_exit_status(result, fail)};
  texts made;
  std::string* to = &made.output;
  for (const part& each : parts_) {
    if (each.kind == part_kind::text) {
      *to += each.text;
    } else if (each.kind == part_kind::header) {
      *to += header_of(result, each.text);
    } else if (each.text == "onerror") {
      if (page.exit_status == 0) break;
    } else if (each.text == "stderr") {
      to = &made.errors;
    } else if (each.text == "stdout") {
      to = &made.output;
    } else {
      *to += find_variable(each.text)->value(page);
    }
  }
  return made;
}

}  // namespace fanout::fetch
