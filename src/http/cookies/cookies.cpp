#include <fanout/http/cookies.hpp>
#include <fanout/http/detail/text.hpp>

#include "http/cookies/cookie_file.hpp"
#include "http/cookies/cookie_parser.hpp"
#include "http/cookies/public_suffix.hpp"
#include "http/message/host.hpp"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace fanout::http {
namespace {

using std::chrono::sys_seconds;

/// A cookie and its place in two orders: when it was set, and when it was used.
struct kept {
  cookie what;
  std::uint64_t set = 0;
  std::uint64_t used = 0;
};

bool has_expired(const cookie& what, sys_seconds now) noexcept {
  return what.expires && *what.expires <= now;
}

// RFC 6265bis section 5.1.3.
bool domain_matches(std::string_view host, std::string_view domain) {
  if (host == domain) return true;
  return host.size() > domain.size() && host.ends_with(domain) && host[host.size() - domain.size() - 1] == '.' &&
         !is_address(host);
}

// RFC 6265bis section 5.1.4.
bool path_matches(std::string_view request, std::string_view path) noexcept {
  return request.starts_with(path) &&
         (request.size() == path.size() || path.ends_with('/') || request[path.size()] == '/');
}

std::string_view path_of(const url& page) noexcept {
  return page.target().substr(0, page.target().find('?'));
}

std::string_view default_path(const url& page) noexcept {
  const std::string_view path = path_of(page);
  const std::size_t last = path.rfind('/');
  return last == 0 ? "/" : path.substr(0, last);
}

bool begins_with(std::string_view text, std::string_view prefix) noexcept {
  return equal_ignoring_case(text.substr(0, prefix.size()), prefix);
}

// What the prefixes of a name promise (RFC 6265bis section 4.1.3). Without a name, the value is what a server reads.
bool keeps_its_promises(const cookie& what) noexcept {
  const std::string_view shown = what.name.empty() ? what.value : what.name;
  if (begins_with(shown, "__Secure-")) return what.secure && !what.name.empty();
  if (begins_with(shown, "__Host-")) return what.secure && what.host_only && what.path == "/" && !what.name.empty();
  return true;
}

bool is_sendable(const cookie& what) {
  const auto bad = [](char c) { return is_control(c) || c == ';'; };
  return std::none_of(what.name.begin(), what.name.end(), bad) && what.name.find('=') == std::string::npos &&
         std::none_of(what.value.begin(), what.value.end(), bad) &&
         std::none_of(what.path.begin(), what.path.end(), bad) && what.path.starts_with('/') &&
         (!what.name.empty() || !what.value.empty());
}

}  // namespace

struct cookie_jar::state {
  cookie_limits limits;
  clock now;
  mutable std::mutex lock;
  /// By registrable domain: the few cookies that can concern a host lie together, and a site's limit counts them all.
  std::unordered_map<std::string, std::vector<kept>> sites;
  std::size_t count = 0;
  std::uint64_t moment = 0;

  bool insert(cookie what, bool over_https);
  void make_room(std::vector<kept>& site);
  void make_room();
};

// Called under the lock. A plain http page must not put a cookie in the way of one set over https (RFC 6265bis section
// 5.7, step 14).
bool cookie_jar::state::insert(cookie what, bool over_https) {
  if (!is_sendable(what) || !keeps_its_promises(what)) return false;
  const sys_seconds time = now();
  const std::string where = registrable_domain(what.domain);
  auto& site = sites[where];
  const auto same = std::find_if(site.begin(), site.end(), [&](const kept& each) {
    return each.what.name == what.name && each.what.domain == what.domain && each.what.path == what.path &&
           each.what.host_only == what.host_only;
  });
  const bool shadows = !over_https && !what.secure && std::any_of(site.begin(), site.end(), [&](const kept& each) {
    return each.what.secure && each.what.name == what.name && !has_expired(each.what, time) &&
           (domain_matches(each.what.domain, what.domain) || domain_matches(what.domain, each.what.domain)) &&
           path_matches(what.path, each.what.path);
  });
  const bool taken = !shadows && !has_expired(what, time);
  if (!shadows) {
    const std::uint64_t set = same != site.end() ? same->set : ++moment;
    if (same != site.end()) {
      site.erase(same);
      --count;
    }
    if (taken) {
      site.push_back({std::move(what), set, ++moment});
      ++count;
      make_room(site);
    }
  }
  if (site.empty()) sites.erase(where);
  if (count > limits.cookies) make_room();
  return taken;
}

// Of one site: what has expired, then what is not secure, then what was unused for longest (RFC 6265bis section 5.7).
void cookie_jar::state::make_room(std::vector<kept>& site) {
  if (site.size() <= limits.per_domain) return;
  const sys_seconds time = now();
  count -= std::erase_if(site, [&](const kept& each) { return has_expired(each.what, time); });
  while (site.size() > limits.per_domain) {
    site.erase(std::min_element(site.begin(), site.end(), [](const kept& a, const kept& b) {
      return std::pair(a.what.secure, a.used) < std::pair(b.what.secure, b.used);
    }));
    --count;
  }
}

// Of all: a tenth more than is needed, so that a jar that stays full does not look through itself for each cookie.
void cookie_jar::state::make_room() {
  const sys_seconds time = now();
  std::vector<std::uint64_t> uses;
  for (const auto& [domain, site] : sites)
    for (const kept& each : site) uses.push_back(has_expired(each.what, time) ? 0 : each.used);
  const std::size_t surplus = count - limits.cookies + limits.cookies / 10;
  const auto last = uses.begin() + static_cast<std::ptrdiff_t>(std::min(surplus, uses.size()) - 1);
  std::nth_element(uses.begin(), last, uses.end());
  for (auto at = sites.begin(); at != sites.end();) {
    count -=
        std::erase_if(at->second, [&](const kept& each) { return each.used <= *last || has_expired(each.what, time); });
    at = at->second.empty() ? sites.erase(at) : std::next(at);
  }
}

cookie_jar::cookie_jar(cookie_limits limits, clock now) : state_(std::make_unique<state>()) {
  state_->limits = limits;
  state_->now =
      now ? std::move(now) : [] { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); };
}

cookie_jar::~cookie_jar() = default;

bool cookie_jar::store(const url& from, std::string_view header) {
  auto parsed = parse_set_cookie(header, state_->now(), state_->limits.cookie_bytes);
  if (!parsed || from.empty() || !from.zone().empty() || (parsed->secure && !from.secure())) return false;
  cookie made;
  made.domain = from.host();
  if (!parsed->domain.empty()) {
    const parsed_host domain = parse_host(parsed->domain);
    const std::string host(from.host());
    // A trailing dot would not be on the list of public suffixes.
    if (!domain.error.empty() || domain.text.ends_with('.') || !domain_matches(host, domain.text)) return false;
    // Its own site may be a public suffix, or an address: a cookie for it alone is what it can have.
    made.host_only = domain.text == host && (is_address(host) || is_public_suffix(host));
    if (!made.host_only && is_public_suffix(domain.text)) return false;
    made.domain = domain.text;
  }
  made.name = std::move(parsed->name);
  made.value = std::move(parsed->value);
  made.path = parsed->path.empty() ? default_path(from) : parsed->path;
  made.secure = parsed->secure;
  made.http_only = parsed->http_only;
  made.expires = parsed->expires;
  const std::lock_guard guard(state_->lock);
  return state_->insert(std::move(made), from.secure());
}

std::string cookie_jar::header_for(const url& to) {
  const std::string host(to.host());
  const std::string_view path = path_of(to);
  std::string header;
  if (!to.zone().empty()) return header;
  const std::lock_guard guard(state_->lock);
  const auto site = state_->sites.find(registrable_domain(host));
  if (site == state_->sites.end()) return header;
  const sys_seconds time = state_->now();
  std::vector<kept*> fitting;
  for (kept& each : site->second) {
    const bool for_host = each.what.host_only ? each.what.domain == host : domain_matches(host, each.what.domain);
    if (for_host && path_matches(path, each.what.path) && (to.secure() || !each.what.secure) &&
        !has_expired(each.what, time))
      fitting.push_back(&each);
  }
  // Longer paths first, then what was set first (RFC 6265bis section 5.8.3).
  std::sort(fitting.begin(), fitting.end(), [](const kept* a, const kept* b) {
    return std::pair(b->what.path.size(), a->set) < std::pair(a->what.path.size(), b->set);
  });
  for (kept* const each : fitting) {
    each->used = ++state_->moment;
    if (!header.empty()) header += "; ";
    if (!each->what.name.empty()) header.append(each->what.name).append("=");
    header += each->what.value;
  }
  return header;
}

bool cookie_jar::add(cookie what) {
  if (what.name.size() + what.value.size() > state_->limits.cookie_bytes) return false;
  const bool bracketless_ipv6 = what.domain.find(':') != std::string::npos;
  const parsed_host domain = bracketless_ipv6 ? parsed_host{parse_ipv6(what.domain), {}} : parse_host(what.domain);
  if (!domain.error.empty() || domain.text.empty()) return false;
  what.domain = domain.text;
  if (!what.host_only && (what.domain.ends_with('.') || is_address(what.domain) || is_public_suffix(what.domain)))
    return false;
  const std::lock_guard guard(state_->lock);
  const auto latest = state_->now() + longest_cookie_life;
  if (what.expires) what.expires = std::min<sys_seconds>(*what.expires, latest);
  return state_->insert(std::move(what), true);
}

std::vector<cookie> cookie_jar::cookies() const {
  std::vector<const kept*> all;
  std::vector<cookie> result;
  const std::lock_guard guard(state_->lock);
  const sys_seconds time = state_->now();
  for (const auto& [domain, site] : state_->sites)
    for (const kept& each : site)
      if (!has_expired(each.what, time)) all.push_back(&each);
  std::sort(all.begin(), all.end(), [](const kept* a, const kept* b) { return a->set < b->set; });
  result.reserve(all.size());
  for (const kept* const each : all) result.push_back(each->what);
  return result;
}

std::size_t cookie_jar::size() const {
  const std::lock_guard guard(state_->lock);
  return state_->count;
}

void cookie_jar::clear() {
  const std::lock_guard guard(state_->lock);
  state_->sites.clear();
  state_->count = 0;
}

std::size_t cookie_jar::load(const std::string& path, skipped_lines* skipped) {
  std::size_t taken = 0;
  for (cookie& each : read_cookie_file(path, state_->now(), skipped)) taken += add(std::move(each));
  return taken;
}

void cookie_jar::save(const std::string& path) const {
  write_cookie_file(path, cookies());
}

}  // namespace fanout::http
