#include "http/redirect.hpp"

#include <fanout/base/failure.hpp>

#include "http/text.hpp"

#include <fmt/format.h>

namespace fanout::http {

bool is_redirect(const response& answer) noexcept {
  const int status = answer.status;
  return (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) &&
         answer.headers.contains("location");
}

void follow_redirect(request& what, const response& answer) {
  url next;
  try {
    next = what.url.resolve(answer.headers["location"]);
  } catch (const error& refused) {
    throw error(failure_kind::refused_by_policy,
                fmt::format("{} redirects to what is not followed: {}", what.url.str(), refused.what()));
  }
  const bool becomes_get = (answer.status == 303 && what.method != "HEAD") ||
                           ((answer.status == 301 || answer.status == 302) && what.method == "POST");
  if (becomes_get) {
    what.method = "GET";
    what.body.clear();
    what.body_from = {};
    for (const auto name : {"content-length", "content-type", "content-encoding", "content-language"})
      what.headers.remove(name);
  }
  if (next.origin() != what.url.origin()) {
    for (const auto name : {"authorization", "cookie", "proxy-authorization", "host"}) what.headers.remove(name);
  } else if (next.userinfo().empty() && !what.url.userinfo().empty() && !what.headers.contains("authorization")) {
    what.headers.add("Authorization", "Basic " + base64(what.url.userinfo()));
  }
  what.url = std::move(next);
}

}  // namespace fanout::http
