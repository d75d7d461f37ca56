#include "http/redirect.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/cookies.hpp>

#include "check.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string>

/// \file
/// The first byte says which status and method, the first line which page; each line that follows is the Location of
/// the next answer. Wherever they lead: over http or https, and without the credentials of the first origin.
namespace {

using namespace fanout;
using fuzz::check;

std::string_view line_of(std::string_view& rest) {
  const auto end = std::min(rest.find('\n'), rest.size());
  const auto line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

void check_hop(const http::request& what, const http::url& before, const http::url& first, bool left_home) {
  check(!what.url.empty() && (what.url.scheme() == "http" || what.url.scheme() == "https"), "only http and https");
  check(what.url.target().starts_with('/'), "there is a target");
  check(!(before.secure() && !what.url.secure()) || what.url.userinfo().empty(), "no user goes from https to http");
  const bool has_secret = what.headers.get("authorization").find("secret") != std::string_view::npos ||
                          what.headers.get("cookie").find("secret") != std::string_view::npos;
  check(!has_secret || (!left_home && what.url.origin() == first.origin()), "credentials stay with their origin");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr std::array statuses{301, 302, 303, 307, 308};
  constexpr std::array methods{"GET", "POST", "HEAD", "PUT"};
  auto rest = fuzz::text_of(data + 1, size - 1);
  http::request what;
  what.method = methods[data[0] / statuses.size() % methods.size()];
  try {
    what.url = http::url(line_of(rest));
  } catch (const error&) {
    what.url = http::url("https://user:pw@host.example/a/b?c");
  }
  what.headers = {{"Cookie", "secret=1"}, {"Content-Type", "text/x"}};
  http::client_options options;
  options.authorization = "Bearer secret";
  options.cookies = std::make_shared<http::cookie_jar>();
  const http::url first = what.url;
  bool left_home = false;
  try {
    http::redirect_chain hops(options, nullptr, what);
    hops.prepare();
    for (int hop = 0; !rest.empty() && hop < 20; ++hop) {
      http::response answer;
      answer.status = statuses[data[0] % statuses.size()];
      answer.headers = {{"Location", line_of(rest)}, {"Set-Cookie", "own=1"}};
      const http::url before = what.url;
      if (!hops.follow(answer)) break;
      left_home |= what.url.origin() != first.origin();
      check_hop(what, before, first, left_home);
      check(what.method != "POST" || answer.status >= 307, "a form is not sent on but by 307 and 308");
    }
    check(hops.followed() <= options.max_redirects, "there is a limit");
  } catch (const error& refused) {
    check(refused.kind() == failure_kind::refused_by_policy, "what is not followed is refused by policy");
  }
  return 0;
}
