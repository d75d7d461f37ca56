#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/http/client.hpp>

#include "fetch/response_record.hpp"
#include "fetch/streamed_exchange.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <string_view>
#include <utility>

namespace fanout::fetch {
namespace {

http::client make_client(const settings& how) {
  http::client_options options;
  options.total_timeout = std::chrono::milliseconds(how.timeout_ms);
  options.idle_timeout = std::chrono::milliseconds(std::min(how.idle_timeout_ms, how.timeout_ms));
  options.connect_timeout = std::chrono::milliseconds(std::min(how.connect_timeout_ms, how.timeout_ms));
  options.max_body_bytes = how.max_body_bytes;
  options.max_header_bytes = how.max_header_bytes;
  options.max_header_count = how.max_header_count;
  options.max_decoding_ratio = how.max_decoding_ratio;
  options.max_redirects = how.max_redirects;
  options.verify_tls = how.verify_tls;
  options.ca_file = how.ca_file;
  options.certificate_file = how.certificate_file;
  options.key_file = how.key_file;
  options.decode_content = how.decode_content;
  options.authorization = how.authorization;
  options.cookies = cookie_jar_of(how);
  options.public_only = how.public_only;
  options.resolve = how.resolve;
  options.proxy = how.proxy;
  options.no_proxy = how.no_proxy;
  options.verify_proxy_tls = how.verify_proxy_tls;
  options.proxy_ca_file = how.proxy_ca_file;
  if (how.least_tls_1_3) options.min_tls_version = http::tls_version::v1_3;
  options.http_version = static_cast<http::http_versions>(how.http_versions);
  options.proxy_from_environment = how.proxy_from_environment;
  return http::client(std::move(options));
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Whether to read "example.org/x" and "localhost:8080" as curl does, as http. What begins with a scheme is a URL
/// already, and what begins with neither a scheme nor a host is none.
bool lacks_scheme(std::string_view url) {
  if (url.starts_with("http://") || url.starts_with("https://")) return false;
  if (url.starts_with("http//") || url.starts_with("https//")) return false;  // somebody's slip, and no host
  if (std::any_of(url.begin(), url.end(), [](unsigned char c) { return c <= ' '; })) return false;
  if (url.empty() || !(is_letter(url.front()) || std::isdigit(static_cast<unsigned char>(url.front())) ||
                       url.front() == '[' || static_cast<unsigned char>(url.front()) >= 0x80))
    return false;
  const auto colon = url.find(':');
  if (colon == url.npos || !is_letter(url.front())) return true;
  const std::string_view scheme = url.substr(0, colon);
  if (!std::all_of(scheme.begin(), scheme.end(),
                   [](unsigned char c) { return std::isalnum(c) || c == '+' || c == '-' || c == '.'; }))
    return true;
  // Everybody's URLs without "//", which is otherwise the port of a host.
  constexpr std::array<std::string_view, 8> others{"http",   "https",      "file",  "data",
                                                   "mailto", "javascript", "about", "blob"};
  return !url.substr(colon + 1).starts_with("//") &&
         std::none_of(others.begin(), others.end(),
                      [&](std::string_view each) { return boost::beast::iequals(each, scheme); });
}

http::request make_request(const settings& how, const request& what) {
  http::request made;
  made.method = what.method;
  made.url = lacks_scheme(what.url) ? http::url("http://" + what.url) : http::url(what.url);
  for (const auto& [name, value] : what.headers) made.headers.add(name, value);
  made.body = what.body;
  if (what.body.empty() && !how.body_file.empty()) made.body_from = http::body_source::file(how.body_file);
  made.without = how.without_headers;
  made.keep_body = how.keep_body;
  return made;
}

http::request checked_request(const settings& how, const request& what) {
  if (!what.problem.empty()) throw error(failure_kind::invalid_request, what.problem);
  return make_request(how, what);
}

void take_response(const settings& how, http::response&& response, record& result) {
  detail::take_head(how, response, result);
  detail::take_measurements(how, response.measured, result);
  result.bytes = response.body_bytes;
  if (how.keep_body) result.body = std::move(response.body);
}

void take_failure(const error& failed, record& result) {
  result.error = failed.kind();
  result.message = failed.what();
  result.attempts = std::max(result.attempts, failed.failure().attempts);
}

}  // namespace

void check(const settings& how) {
  settings without_cookies = how;  // what is wrong with their file is another's to say
  without_cookies.use_cookies = false;
  make_client(without_cookies).read_tls_files();
}

record record_of(const failure& lost) {
  record result;
  result.error = lost.kind;
  result.message = lost.message;
  result.elapsed_ns = lost.elapsed.count();
  result.attempts = lost.attempts;
  return result;
}

const http::client& exchanger::client() const {
  if (const http::client* const made = made_.load(std::memory_order_acquire)) return *made;
  const std::lock_guard lock(mutex_);
  if (!client_) client_ = std::make_shared<const http::client>(make_client(settings_));
  made_.store(client_.get(), std::memory_order_release);
  return *client_;
}

task<record> exchange(const exchanger& with, const request& what) {
  record result;
  const auto started = std::chrono::steady_clock::now();
  try {
    http::request message = checked_request(with.settings(), what);
    if (with.settings().body_path.empty()) {
      task<http::response> sending = with.client().send(std::move(message));
      http::response response = co_await std::move(sending);
      take_response(with.settings(), std::move(response), result);
    } else {
      task<void> saving = detail::save_exchange(with.client(), with.settings(), what, std::move(message), result);
      co_await std::move(saving);
    }
  } catch (const error& failed) {
    if (failed.kind() == failure_kind::cancelled) throw;
    take_failure(failed, result);
  } catch (const output_error& failed) {
    result.error = failure_kind::task_failed;
    result.message = result.unwritten = failed.what();
  }
  result.elapsed_ns = (std::chrono::steady_clock::now() - started).count();
  co_return result;
}

task<record> exchange_into(const exchanger& with, const request& what, body_sink& into) {
  record result;
  const auto started = std::chrono::steady_clock::now();
  try {
    http::request message = checked_request(with.settings(), what);
    task<void> streaming = detail::stream_exchange(with.client(), with.settings(), std::move(message), into, result);
    co_await std::move(streaming);
  } catch (const error& failed) {
    if (failed.kind() == failure_kind::cancelled) throw;
    take_failure(failed, result);
  }
  result.elapsed_ns = (std::chrono::steady_clock::now() - started).count();
  co_return result;
}

}  // namespace fanout::fetch
