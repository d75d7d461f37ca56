#include "http/redirect.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/http/cookies.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/message/digest.hpp"
#include "http/message/location.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fanout::http {

namespace {

bool stays_post(int status, const client_options& options) {
  return status == 301 ? options.keep_post_301 : status == 302 ? options.keep_post_302 : options.keep_post_303;
}

/// Of 303 all methods but HEAD, of 301 and 302 POST alone.
bool turns_into_get(const request& what, int status, const client_options& options) {
  if (status != 301 && status != 302 && status != 303) return false;
  if (what.method == "POST") return !stays_post(status, options);
  return status == 303 && what.method != "HEAD";
}

}  // namespace

void follow_redirect(request& what, const response& answer, const client_options& options) {
  const auto places = answer.headers.get_all("location");
  // As browsers: whoever split the response may have added one.
  if (std::any_of(places.begin(), places.end(), [&](std::string_view each) { return each != places.front(); }))
    throw error(failure_kind::protocol, fmt::format("{} redirects to two places at once", what.url.str()));
  url next;
  try {
    next = what.url.resolve(places.front());
  } catch (const error& refused) {
    throw error(failure_kind::refused_by_policy,
                fmt::format("{} redirects to what is not followed: {}", what.url.str(), refused.what()));
  }
  if (next.secure() ? !options.redirects_to_https : !options.redirects_to_http)
    throw error(failure_kind::refused_by_policy, fmt::format("{} redirects to {}, and {} is not allowed for redirects",
                                                             what.url.str(), next.str(), next.scheme()));
  if (what.url.secure() && !next.secure() && !next.userinfo().empty()) next = url(next.str());
  if (turns_into_get(what, answer.status, options)) {
    what.method = "GET";
    what.body.clear();
    what.body_from = {};
    for (const auto name : {"content-length", "content-type", "content-encoding", "content-language"})
      what.headers.remove(name);
  }
  const bool elsewhere = next.origin() != what.url.origin();
  if (elsewhere && !options.trust_redirects) {
    for (const auto name : {"authorization", "cookie", "proxy-authorization", "host"}) what.headers.remove(name);
  } else if (elsewhere) {
    what.headers.remove("host");
    if (!what.url.userinfo().empty() && next.userinfo().empty() && !what.headers.contains("authorization"))
      what.headers.add("Authorization", "Basic " + base64(what.url.userinfo()));
  } else if (next.userinfo().empty() && !what.url.userinfo().empty() && !what.headers.contains("authorization")) {
    what.headers.add("Authorization", "Basic " + base64(what.url.userinfo()));
  }
  what.url = std::move(next);
}

redirect_chain::redirect_chain(const client_options& options, digest_login* login, request& what)
    : options_(options), login_(login), what_(what) {
  // Who says himself who he is needs no help.
  if (login_ && (!what.url.userinfo().empty() || what.headers.contains("authorization"))) login_ = nullptr;
  if (login_) login_origin_ = what.url.origin();
  if (!options.authorization.empty() && what.url.userinfo().empty() && !what.headers.contains("authorization"))
    what.headers.add("Authorization", options.authorization);
  ask_for_authorization();
  if (!options.cookies) return;
  for (const std::string_view each : what.headers.get_all("cookie"))
    own_cookies_.append(own_cookies_.empty() ? "" : "; ").append(each);
}

void redirect_chain::log_in() {
  if (options_.trust_redirects) login_origin_ = what_.url.origin();
  if (what_.url.origin() != login_origin_) return;
  if (const auto value = login_->authorization_for(login_origin_, what_.method, what_.url.target()))
    what_.headers.set("Authorization", *value);
}

// Of who says nothing else himself.
void redirect_chain::ask_for_authorization() {
  if (!options_.authorization_of || !what_.url.userinfo().empty() || what_.headers.contains("authorization")) return;
  if (const std::string value = options_.authorization_of(what_.url.host()); !value.empty())
    what_.headers.add("Authorization", value);
}

// Without the user and the fragment, and not from https to http (RFC 9110 section 10.1.3).
void redirect_chain::refer_to(const url& from) {
  if (from.secure() && !what_.url.secure())
    what_.headers.remove("referer");
  else
    what_.headers.set("Referer", fmt::format("{}{}", from.origin(), from.target()));
}

bool redirect_chain::authenticate(const response& answer) {
  if (!login_ || answer.status != 401 || what_.url.origin() != login_origin_) return false;
  auto challenge = parse_digest_challenge(answer.headers.get_all("www-authenticate"));
  // The second time it is the password that is wrong, unless the server says otherwise.
  if (!challenge && options_.basic_if_asked) return log_in_plainly(answer);
  if (!challenge || logins_ > 1 || (logins_ == 1 && !challenge->stale)) return false;
  ++logins_;
  login_->learn(login_origin_, *std::move(challenge));
  log_in();
  return true;
}

bool redirect_chain::log_in_plainly(const response& answer) {
  if (logins_ > 0 || !asks_for_basic(answer.headers.get_all("www-authenticate"))) return false;
  ++logins_;
  what_.headers.set("Authorization", "Basic " + base64(options_.digest));
  login_ = nullptr;
  return true;
}

void redirect_chain::prepare() {
  if (login_) log_in();
  if (!options_.cookies) return;
  std::string all = options_.cookies->header_for(what_.url);
  if (!own_cookies_.empty()) all.append(all.empty() ? "" : "; ").append(own_cookies_);
  if (all.empty())
    what_.headers.remove("cookie");
  else
    what_.headers.set("Cookie", all);
}

bool redirect_chain::follow(response& answer) {
  if (options_.cookies)
    for (const auto each : answer.headers)
      if (equal_ignoring_case(each.name, "set-cookie")) options_.cookies->store(what_.url, each.value);
  if (options_.max_redirects <= 0 || redirect_place(answer).empty()) return false;
  if (followed() >= options_.max_redirects)
    throw error(failure_kind::refused_by_policy,
                fmt::format("more than {} redirects, the last one from {}", options_.max_redirects, what_.url.str()));
  visited_.insert(state());
  const url from = what_.url;
  follow_redirect(what_, answer, options_);
  if (what_.url.origin() != from.origin() && !options_.trust_redirects) {
    own_cookies_.clear();
    ask_for_authorization();
  }
  if (options_.redirect_referer) refer_to(from);
  prepare();
  // The same request with the same cookies gets the same answer; one with a new cookie may not.
  if (visited_.contains(state()))
    throw error(failure_kind::refused_by_policy,
                fmt::format("the redirects go round in circles: {} leads back to {}", from.str(), what_.url.str()));
  history_.push_back({answer.status, from, std::move(answer.headers)});
  return true;
}

// All of a request that its answer can depend on and that a redirect can change.
std::string redirect_chain::state() const {
  return fmt::format("{} {}\n{}\n{}", what_.method, what_.url.str(), what_.headers["cookie"],
                     what_.headers["authorization"]);
}

}  // namespace fanout::http
