#include <fanout/base/failure.hpp>
#include <fanout/http/cookies.hpp>

#include "check.hpp"
#include "http/cookies/cookie_parser.hpp"
#include "http/cookies/public_suffix.hpp"
#include "http/message/host.hpp"

#include <algorithm>
#include <optional>
#include <string>

/// \file
/// The first line is a page, the second one another; each line that follows is a Set-Cookie header of the first. What
/// goes to the other page is what its host may see, and what is sent is a header.
namespace {

using namespace fanout;
using fuzz::check;

constexpr std::chrono::sys_seconds now{std::chrono::seconds(1'700'000'000)};
constexpr http::cookie_limits limits{.cookies = 20, .per_domain = 5, .cookie_bytes = 256};

std::string_view line_of(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

http::url page_of(std::string_view text, const char* otherwise) {
  try {
    return http::url(text);
  } catch (const error&) {
    return http::url(otherwise);
  }
}

void check_cookie(const http::cookie& each, const http::url& from) {
  const std::string host(from.host());
  const bool own = each.domain == host;
  const bool above = host.ends_with("." + each.domain);
  check(own || (above && !each.host_only), "a cookie is for its host or for a domain above it");
  check(each.host_only || !http::is_address(host), "an address has no domain above it");
  check(each.host_only || !http::is_public_suffix(each.domain), "no cookie is for a public suffix");
  check(!each.secure || from.secure(), "a secure cookie came over https");
  check(each.path.starts_with('/'), "a path is absolute");
  check(each.name.size() + each.value.size() <= limits.cookie_bytes, "the size is within its limit");
  check(!each.expires || (*each.expires > now && *each.expires <= now + http::longest_cookie_life),
        "it lives, and not for too long");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto rest = fuzz::text_of(data, size);
  const auto from = page_of(line_of(rest), "https://www.example.co.uk/a/b");
  const auto to = page_of(line_of(rest), "http://example.co.uk/a");
  http::cookie_jar jar(limits, [] { return now; });
  while (!rest.empty()) {
    const auto header = line_of(rest);
    const auto before = jar.size();
    const bool stored = jar.store(from, header);
    check(jar.size() <= before + 1, "a header sets one cookie");
    check(jar.size() <= limits.per_domain, "a site's cookies are within their limit");
    check(!stored || http::parse_set_cookie(header, now, limits.cookie_bytes).has_value(), "what is stored was parsed");
  }
  for (const auto& each : jar.cookies()) check_cookie(each, from);

  const std::string sent = jar.header_for(to);
  check(
      std::none_of(sent.begin(), sent.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
      "what is sent has no controls");
  if (!sent.empty()) {
    const std::string from_site = http::registrable_domain(std::string(from.host()));
    check(from_site == http::registrable_domain(std::string(to.host())), "cookies stay within a site");
  }
  check(jar.header_for(http::url("https://unrelated.test/")).empty() || from.host() == "unrelated.test" ||
            from.host().ends_with(".unrelated.test"),
        "nobody else gets one");
  return 0;
}
