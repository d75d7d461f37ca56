#include "fetch/exchange_watch.hpp"

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/retry_policy.hpp>
#include <fanout/http/response.hpp>

#include "fetch/response_record.hpp"
#include "fetch/text.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iterator>

namespace fanout::fetch {
namespace {

double ms(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string head_text(const http::response& head) {
  std::string text = fmt::format("HTTP/{} {}{}{}\r\n", http::to_string(head.version), head.status,
                                 head.reason.empty() ? "" : " ", head.reason);
  for (const auto& [name, value] : head.headers) fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  return text + "\r\n";
}

std::int64_t now_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

}  // namespace

/// Kept, or shown while the exchange goes on, as `curl -v` does. A reader that is gone is no failure of the exchange.
void exchange_watch::say(std::string_view text) {
  if (trace_shown_)
    write_all(STDERR_FILENO, text);
  else
    trace_ += text;
}

void exchange_watch::on_lookup(std::string_view host) {
  if (trace_wanted_) say(fmt::format("* Looking up {}\n", printable(host)));
}

void exchange_watch::on_attempt(std::string_view address) {
  if (trace_wanted_) say(fmt::format("* Trying {}\n", address));
}

void exchange_watch::on_failed_attempt(std::string_view address, std::string_view why) {
  if (trace_wanted_) say(fmt::format("* No connection to {}: {}\n", address, why));
}

void exchange_watch::on_request(const http::sent_request& sent) {
  reused_ = sent.connection_reused;
  answered_ = false;
  if (heads_wanted_) sent_heads_ += sent.head;
  if (messages_wanted_) {
    // A connection that was lost is replaced: the same request is sent again.
    if (!messages_.empty() && messages_.back().head.empty()) messages_.pop_back();
    messages_.push_back({.url = std::string(sent.url),
                         .remote_address = std::string(sent.remote_address),
                         .tls = sent.tls,
                         .sent_us = now_us(),
                         .request_head = std::string(sent.head)});
  }
  if (!trace_wanted_) return;
  std::string text =
      fmt::format("* {} {}\n", reused_ ? "Re-using the connection to" : "Connected to", sent.remote_address);
  if (!sent.tls.empty()) fmt::format_to(std::back_inserter(text), "* {}\n", sent.tls);
  add_lines(text, ">", sent.head);
  say(text);
}

void exchange_watch::on_response(const http::response& head) {
  answered_ = true;
  retry_after_ = head.headers.get("retry-after");
  if (!trace_wanted_ && !heads_wanted_ && !messages_wanted_) return;
  const std::string text = head_text(head);
  if (heads_wanted_) heads_ += text;
  if (messages_wanted_ && !messages_.empty()) take_message(head, text);
  if (!trace_wanted_) return;
  const auto& took = head.measured;
  std::string shown =
      fmt::format("* First byte after {:.3f} ms (name look-up {:.3f}, connection {:.3f}, TLS {:.3f}), {} bytes sent\n",
                  ms(took.first_byte), ms(took.name_lookup), ms(took.connect), ms(took.tls), took.bytes_sent);
  add_lines(shown, "<", text);
  say(shown);
}

void exchange_watch::on_cut(const http::response& so_far) {
  if (!messages_wanted_ || messages_.empty()) return;
  cut_ = true;
  take_message(so_far, head_text(so_far));
  messages_.back().body = so_far.body;
  messages_.back().cut = true;
}

void exchange_watch::take_message(const http::response& head, const std::string& text) {
  message_pair& last = messages_.back();
  last.head = text;
  last.status = head.status;
  last.http_version = detail::version_number(head.version);
  // The request may go on elsewhere, or with a password; if it does not, the body is that of the record.
  const bool may_go_on = (head.status >= 300 && head.status < 400) || head.status == 401;
  if (may_go_on) last.body = head.body;
  last.cut = head.body_cut || (may_go_on && streamed_ && head.headers.get("content-length") != "0");
}

/// Each line of a header; what came from a server is made fit for a terminal.
void exchange_watch::add_lines(std::string& text, std::string_view mark, std::string_view head) {
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    fmt::format_to(std::back_inserter(text), "{} {}\n", mark, printable(head.substr(0, end)));
    head.remove_prefix(std::min(end + 2, head.size()));
  }
}

void exchange_watch::remark(std::string_view text) {
  if (trace_wanted_) say(fmt::format("* {}\n", printable(text)));
}

void exchange_watch::end(std::string_view failure, std::uint64_t bytes, std::int64_t elapsed_ns) {
  if (!trace_wanted_) return;
  if (!failure.empty()) remark(failure);
  say(fmt::format("* {} bytes of body, {:.3f} ms in total\n", bytes, static_cast<double>(elapsed_ns) / 1e6));
}

std::optional<std::chrono::milliseconds> exchange_watch::retry_after() const {
  return parse_retry_after(retry_after_, std::chrono::system_clock::now());
}

}  // namespace fanout::fetch
