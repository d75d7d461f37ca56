#include <fanout/async/sleep.hpp>
#include <fanout/fetch/cookies.hpp>
#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/exchange.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/http/auth.hpp>
#include <fanout/http/client.hpp>
#include <fanout/http/detail/send_in_place.hpp>
#include <fanout/http/exchange_observer.hpp>
#include <fanout/http/forms.hpp>
#include <fanout/http/response_stream.hpp>

#include "fetch/bodies/body_digest.hpp"
#include "fetch/exchange/exchange_watch.hpp"
#include "fetch/exchange/netrc.hpp"
#include "fetch/exchange/response_record.hpp"
#include "fetch/exchange/streamed_exchange.hpp"
#include "fetch/retry/retry_rule.hpp"
#include "fetch/text/text.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace fanout::fetch {
namespace {

/// What a .netrc file says of a host, also after a redirect.
std::string netrc_authorization(const std::vector<netrc_entry>& all, std::string_view host) {
  const netrc_entry* const found = find_netrc(all, host);
  if (!found || (found->login.empty() && found->password.empty())) return {};
  return http::basic_auth(found->login, found->password);
}

http::client make_client(const settings& how) {
  http::client_options options;
  options.total_timeout = std::chrono::milliseconds(how.timeout_ms);
  options.idle_timeout = std::chrono::milliseconds(std::min(how.idle_timeout_ms, how.timeout_ms));
  options.connect_timeout = std::chrono::milliseconds(std::min(how.connect_timeout_ms, how.timeout_ms));
  options.low_speed_bytes_per_s = how.low_speed_bytes_per_s;
  options.low_speed_window = std::chrono::milliseconds(how.low_speed_window_ms);
  options.max_body_bytes = how.max_body_bytes;
  options.max_header_bytes = how.max_header_bytes;
  options.max_header_count = how.max_header_count;
  options.max_decoding_ratio = how.max_decoding_ratio;
  options.max_redirects = how.max_redirects;
  options.keep_post_301 = how.keep_post_301;
  options.keep_post_302 = how.keep_post_302;
  options.keep_post_303 = how.keep_post_303;
  options.trust_redirects = how.trust_redirects;
  options.redirects_to_http = (how.redirect_protocols & settings::http_protocol) != 0;
  options.redirects_to_https = (how.redirect_protocols & settings::https_protocol) != 0;
  options.verify_tls = how.verify_tls;
  options.ca_file = how.ca_file;
  options.certificate_file = how.certificate_file;
  options.key_file = how.key_file;
  options.decode_content = how.decode_content;
  options.keep_coding = how.keep_coding;
  options.keep_redirect_bodies = how.keep_messages;
  options.authorization = how.authorization;
  if (!how.netrc.empty() && how.authorization.empty())
    options.authorization_of = [all = how.netrc](std::string_view host) { return netrc_authorization(all, host); };
  options.digest = how.digest;
  options.basic_if_asked = how.basic_if_asked;
  options.redirect_referer = how.redirect_referer;
  options.cookies = cookie_jar_of(how);
  options.public_only = how.public_only;
  options.resolve = how.resolve;
  options.connect_to = how.connect_to;
  options.unix_socket = how.unix_socket;
  options.interface = how.interface;
  if (how.ip_version != 0) options.family = how.ip_version == 6 ? http::address_family::v6 : http::address_family::v4;
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

http::url url_of(const settings& how, const std::string& text) {
  const std::string whole = lacks_scheme(text) ? fmt::format("{}://{}", how.default_scheme, text) : text;
  http::url made = how.path_as_is ? http::url::with_dots(whole) : http::url(whole);
  if ((how.protocols & (made.secure() ? settings::https_protocol : settings::http_protocol)) == 0)
    throw error(failure_kind::refused_by_policy,
                fmt::format("{} is not sent: {} is not allowed", made.str(), made.scheme()));
  return made;
}

void set_form(const std::vector<form_field>& fields, http::request& of) {
  const std::string method = of.method;
  std::vector<http::form_part> parts;
  parts.reserve(fields.size());
  for (const form_field& each : fields)
    parts.push_back({each.name, each.value, each.file, each.file_name, each.content_type});
  http::set_multipart(of, std::move(parts));
  of.method = method;
}

task<std::string> ready_piece(std::string piece) {
  co_return piece;
}

http::body_pieces one_piece(std::string body) {
  return [left = std::move(body)]() mutable -> task<std::string> { return ready_piece(std::exchange(left, {})); };
}

/// As curl, by a header that says so.
void send_in_chunks(http::request& made) {
  made.headers.remove("transfer-encoding");
  made.body_from = http::body_source::generated([body = std::move(made.body)] { return one_piece(body); });
  made.body.clear();
}

void set_url(const settings& how, const std::string& text, http::url& to) {
  const bool plain = text.starts_with("http://") || text.starts_with("https://");
  if (plain && how.protocols == settings::both_protocols && !how.path_as_is) return to.assign(text);
  to = url_of(how, text);
}

/// `made` is blank.
void fill_request(const settings& how, const request& what, http::request& made) {
  if (made.method != what.method) made.method = what.method;
  set_url(how, what.url, made.url);
  for (const auto& [name, value] : what.headers) made.headers.add(name, value);
  if (!what.body.empty()) made.body = what.body;
  if (what.body.empty() && !how.form.empty()) set_form(how.form, made);
  if (what.body.empty() && !how.body_file.empty()) made.body_from = http::body_source::file(how.body_file);
  if (!made.body.empty() && boost::beast::iequals(made.headers["transfer-encoding"], "chunked")) send_in_chunks(made);
  if (!how.without_headers.empty()) made.without = how.without_headers;
  made.keep_body = how.keep_body;
}

void fill_checked(const settings& how, const request& what, http::request& made) {
  if (!what.problem.empty()) throw error(failure_kind::invalid_request, what.problem);
  if (how.verify_digests && !what.sha256.empty() && !is_sha256(what.sha256))
    throw error(failure_kind::invalid_request,
                fmt::format("'{}' is no SHA-256 in hexadecimal", printable(what.sha256)));
  fill_request(how, what, made);
}

http::request checked_request(const settings& how, const request& what) {
  http::request made;
  fill_checked(how, what, made);
  return made;
}

/// The body is moved away where it is wanted.
void take_response(const settings& how, const request& what, http::response& response, const http::url& from,
                   record& result) {
  detail::take_head(how, response, from, result);
  detail::take_measurements(how, response.measured, result);
  result.bytes = response.body_bytes;
  if (result.error == failure_kind::opted_out) return;
  if (how.keep_body && !how.drop_bodies && !(how.drop_failed_bodies && response.status >= 400))
    result.body = std::move(response.body);
  if (!detail::wants_digest(how, what) || !result.body) return;
  result.sha256 = body_digest::of(*result.body);
  if (result.error) return;
  try {
    check_digest(detail::expected_digest(how, what), result.sha256);
  } catch (const error&) {  // nobody gets it
    result.body.reset();
    throw;
  }
}

/// A body that nobody keeps has its digest computed as it comes.
bool digests_as_it_comes(const settings& how, const request& what) {
  return !how.keep_body && detail::wants_digest(how, what);
}

/// With what came of a response whose body was cut.
void take_messages(const settings& how, exchange_watch& watch, record& result) {
  result.messages = watch.take_messages();
  if (result.body && !result.messages.empty()) result.messages.back().body.clear();  // it is in the record
  const bool refused = result.error == failure_kind::opted_out || result.error == failure_kind::digest_mismatch;
  if (refused && result.status != 0 && !result.messages.empty() && !result.body)
    result.messages.back().cut = true;  // nobody may have the body
  else if (!result.messages.empty() && (watch.body_cut() || result.status == 401))
    result.messages.back().cut = watch.cut() || watch.body_cut();  // the last one is not given up for another
  if (!watch.cut() || result.body || !result.error) return;
  message_pair& last = result.messages.back();
  result.status = last.status;
  result.http_version = last.http_version;
  result.bytes = last.body.size();
  result.body_coded = how.keep_coding || !how.decode_content || last.status == 206;
  if (result.messages.size() > 1) result.final_url = last.url;
  result.body = std::exchange(last.body, {});
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

namespace {

/// What a try came to whose response has come. A failure is its record's.
void take_whole(const exchanger& with, const request& what, http::response& answer, const http::url& from,
                exchange_watch* watch, record& result) {
  if (watch != nullptr) watch->on_body(answer.body);
  try {
    take_response(with.settings(), what, answer, from, result);
  } catch (const error& why) {
    take_failure(why, result);
  }
}

/// One request of a list, and the record of its response.
class listed_messages final : public http::in_place_messages {
 public:
  listed_messages(const exchanger& with, const request& what, exchange_watch* watch)
      : with_(with), what_(what), watch_(watch) {}

  void fill(http::request& blank) override {
    fill_checked(with_.settings(), what_, blank);
    blank.observer = watch_;
  }
  void take(http::response& answer, const http::url& from) override {
    take_whole(with_, what_, answer, from, watch_, result);
  }

  record result;

 private:
  const exchanger& with_;
  const request& what_;
  exchange_watch* const watch_;
};

/// One try whose response, body and all, comes as one. Its frame is small enough for Asio to keep.
task<record> exchange_whole(const exchanger& with, const request& what, exchange_watch* watch) {
  const auto started = std::chrono::steady_clock::now();
  listed_messages messages(with, what, watch);
  try {
    auto sending = http::send_in_place(with.client(), messages);
    co_await std::move(sending);
  } catch (const error& why) {
    if (why.kind() == failure_kind::cancelled) throw;
    take_failure(why, messages.result);
  }
  messages.result.elapsed_ns = (std::chrono::steady_clock::now() - started).count();
  co_return std::move(messages.result);
}

/// The same, which leaves the rest with the server for a while after each piece: what is not read fills the
/// connection's buffers, and TCP holds the server up.
task<http::response> send_slowly(const http::client& by, http::request message, std::uint64_t bytes_per_s) {
  const bool keeps = message.keep_body;
  http::exchange_observer* const observer = message.observer;
  task<http::response_stream> opening = by.open(std::move(message));
  http::response_stream page = co_await std::move(opening);
  const auto started = std::chrono::steady_clock::now();
  std::string body;
  std::uint64_t bytes = 0;
  const auto so_far = [&] {
    http::response answer = page.head();
    answer.body = std::move(body);
    answer.body_bytes = bytes;
    return answer;
  };
  try {
    for (;;) {
      auto reading = page.read_some();
      const std::string piece = co_await std::move(reading);
      if (piece.empty()) break;
      bytes += piece.size();
      if (keeps) body += piece;
      auto pausing = sleep_until(started + detail::time_for(bytes, bytes_per_s));
      co_await std::move(pausing);
    }
  } catch (const error&) {
    if (observer == nullptr) throw;
    http::response cut = so_far();
    cut.body_cut = true;
    observer->on_cut(cut);
    throw;
  }
  co_return so_far();
}

task<record> exchange_slowly(const exchanger& with, const request& what, exchange_watch* watch) {
  const auto started = std::chrono::steady_clock::now();
  record result;
  try {
    http::request message = checked_request(with.settings(), what);
    message.observer = watch;
    auto sending = send_slowly(with.client(), std::move(message), with.settings().limit_rate);
    http::response answer = co_await std::move(sending);
    take_whole(with, what, answer, answer.url, watch, result);
  } catch (const error& why) {
    if (why.kind() == failure_kind::cancelled) throw;
    take_failure(why, result);
  }
  result.elapsed_ns = (std::chrono::steady_clock::now() - started).count();
  co_return result;
}

/// One try whose body goes elsewhere as it comes.
task<record> exchange_streamed(const exchanger& with, const request& what, exchange_watch* watch) {
  record result;
  const auto started = std::chrono::steady_clock::now();
  try {
    http::request message = checked_request(with.settings(), what);
    message.observer = watch;
    if (with.settings().body_path.empty()) {
      digesting_sink sum(nullptr, {});
      task<void> streaming =
          detail::stream_exchange(with.client(), with.settings(), std::move(message), sum, watch, result);
      co_await std::move(streaming);
      result.sha256 = sum.digest();
      if (!result.error) check_digest(detail::expected_digest(with.settings(), what), result.sha256);
    } else {
      task<void> saving =
          detail::save_exchange(with.client(), with.settings(), what, std::move(message), watch, result);
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

/// One try. `watch` is told of its messages; null: nobody is.
task<record> exchange_once(const exchanger& with, const request& what, exchange_watch* watch) {
  const settings& how = with.settings();
  if (!how.body_path.empty() || digests_as_it_comes(how, what)) return exchange_streamed(with, what, watch);
  return how.limit_rate == 0 ? exchange_whole(with, what, watch) : exchange_slowly(with, what, watch);
}

/// As many tries as the settings allow; one where they allow no more.
task<record> exchange_watched(const exchanger& with, const request& what) {
  const settings& how = with.settings();
  const auto started = std::chrono::steady_clock::now();
  record all;  // what the tries before the last one came to
  std::int32_t attempts = 0;
  for (std::uint32_t retries = 0;; ++retries) {
    exchange_watch watch(how, what.index, std::move(all));
    auto trying = exchange_once(with, what, &watch);
    record result = co_await std::move(trying);
    const bool answered = !result.error || *result.error == failure_kind::status;
    watch.end(answered ? std::string_view() : result.message.str(), result.bytes, result.elapsed_ns);
    const auto since_start = std::chrono::steady_clock::now() - started;
    result.attempts += attempts;
    attempts = result.attempts;
    result.sent_heads = watch.sent_heads();
    result.heads = watch.heads();
    if (how.keep_messages) take_messages(how, watch, result);
    if (watch.trace_error() != 0 && result.unwritten.empty())
      result.unwritten =
          fmt::format("--trace: cannot write to {}: {}", how.trace_file, std::strerror(watch.trace_error()));
    result.elapsed_ns = since_start.count();
    const tried last{what.method,
                     result.error,
                     result.status,
                     retries,
                     std::chrono::duration_cast<std::chrono::milliseconds>(since_start),
                     watch.lost_on_kept_connection(),
                     watch.retry_after()};
    const auto pause = wait_before_retry(how, last);
    const bool begun = result.output_begun;  // it cannot be taken back
    const bool again = pause && result.unwritten.empty() && !begun;
    if (again) watch.remark(fmt::format("Trying again in {} ms: {}", pause->count(), result.message.str()));
    result.trace = watch.trace();
    if (!again) co_return result;
    all = std::move(result);
    auto pausing = sleep(*pause);
    co_await std::move(pausing);
  }
}

}  // namespace

task<record> exchange_into(const exchanger& with, const request& what, body_sink& into) {
  record result;
  const auto started = std::chrono::steady_clock::now();
  try {
    http::request message = checked_request(with.settings(), what);
    task<void> streaming =
        detail::stream_exchange(with.client(), with.settings(), std::move(message), into, nullptr, result);
    co_await std::move(streaming);
  } catch (const error& failed) {
    if (failed.kind() == failure_kind::cancelled) throw;
    take_failure(failed, result);
  }
  result.elapsed_ns = (std::chrono::steady_clock::now() - started).count();
  co_return result;
}

namespace {

task<record> exchange_at_url(const exchanger& with, const request& what) {
  // No coroutine frame around the one try that nearly all requests are.
  if (!exchange_watch::wanted(with.settings())) return exchange_once(with, what, nullptr);
  return exchange_watched(with, what);
}

/// What a mirror before has left of a body that was cut, or was another.
void forget_part(const settings& how, const request& what, const record& result) {
  if (!how.body_path.ends_with('/') || what.file.empty() || result.skipped) return;
  ::unlink(detail::part_file::part_name(how.body_path + what.file).c_str());
}

/// At one URL after the other, until one has it.
task<record> exchange_at_mirrors(const exchanger& with, const request& what) {
  request asked = what;
  record result;
  std::int32_t attempts = 0;
  std::int64_t elapsed_ns = 0;
  std::string failures;
  for (std::size_t i = 0; i <= what.mirrors.size(); ++i) {
    if (i > 0) asked.url = what.mirrors[i - 1];
    task<record> trying = exchange_at_url(with, asked);
    result = co_await std::move(trying);
    attempts += result.attempts;
    elapsed_ns += result.elapsed_ns;
    if (i > 0 && result.status != 0 && result.final_url.empty()) result.final_url = asked.url;
    if (!result.error && i > 0) forget_part(with.settings(), what, result);
    if (!result.error || !result.unwritten.empty()) break;
    if (!failures.empty()) failures += "; ";
    failures += fmt::format("{}: {}", asked.url, result.message.str());
    if (i == what.mirrors.size()) result.message = failures;
  }
  result.attempts = attempts;
  result.elapsed_ns = elapsed_ns;
  co_return result;
}

}  // namespace

task<record> exchange(const exchanger& with, const request& what) {
  return what.mirrors.empty() ? exchange_at_url(with, what) : exchange_at_mirrors(with, what);
}

}  // namespace fanout::fetch
