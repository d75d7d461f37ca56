#include "fetch/exchange/exchange_watch.hpp"

#include <fanout/fetch/output.hpp>
#include <fanout/fetch/retry_policy.hpp>
#include <fanout/http/response.hpp>

#include "fetch/exchange/response_record.hpp"
#include "fetch/text/text.hpp"
#include "fetch/text/wire_dump.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
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

/// "12:59:59.999999 ", of the machine's time zone.
std::string time_of_day() {
  const std::int64_t us = now_us();
  const std::time_t seconds = us / 1'000'000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}.{:06} ", parts.tm_hour, parts.tm_min, parts.tm_sec, us % 1'000'000);
}

/// As much of the trace as is kept of one request.
constexpr std::size_t most_kept = 256 * 1024;

/// -1 where it cannot be opened: whoever began the file has told of that.
int open_trace(const std::string& path) {
  if (path == "-") return dup(STDOUT_FILENO);
  if (path == "%") return dup(STDERR_FILENO);
  return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

}  // namespace

exchange_watch::exchange_watch(const settings& how, std::uint64_t number, record before)
    : numbered_(how.number_trace),
      timed_(how.time_trace),
      in_hex_(how.trace_in_hex),
      number_(number),
      trace_file_(how.trace_file.empty() ? -1 : open_trace(how.trace_file)),
      trace_wanted_(how.keep_trace || how.show_trace),
      trace_shown_(how.show_trace),
      heads_wanted_(how.keep_heads),
      messages_wanted_(how.keep_messages),
      streamed_(how.limit_rate > 0 || !how.body_path.empty()),
      trace_(before.trace.take()),
      sent_heads_(before.sent_heads.take()),
      heads_(before.heads.take()) {}

/// With the number and the time of day, before each line or before the first.
std::string exchange_watch::with_marks(std::string_view text, bool each_line) const {
  std::string mark;
  if (numbered_) mark += fmt::format("[{}] ", number_);
  if (timed_) mark += time_of_day();
  if (mark.empty()) return std::string(text);
  std::string made;
  do {
    const auto end = each_line ? std::min(text.find('\n'), text.size() - 1) + 1 : text.size();
    made.append(mark).append(text.substr(0, end));
    text.remove_prefix(end);
  } while (!text.empty());
  return made;
}

/// Kept, or shown while the exchange goes on, as `curl -v` does. A reader that is gone is no failure of the exchange.
void exchange_watch::say(std::string_view text) {
  if (trace_shown_) {
    write_all(STDERR_FILENO, with_marks(text, true));
    return;
  }
  const std::string whole = timed_ ? with_marks(text, true) : std::string(text);
  if (left_out_ == 0 && trace_.size() + whole.size() <= most_kept)
    trace_ += whole;
  else
    left_out_ += whole.size();
}

void exchange_watch::say_info(const std::string& text) {
  if (trace_wanted_) say(fmt::format("* {}\n", text));
  if (trace_file_) write_trace(with_marks(fmt::format("== Info: {}\n", text), true));
}

void exchange_watch::dump(std::string_view title, std::string_view bytes) {
  std::string text;
  append_dump(text, title, bytes, in_hex_);
  write_trace(with_marks(text, numbered_));
}

void exchange_watch::write_trace(const std::string& text) {
  const int failed = write_all(trace_file_.value(), text);
  if (trace_error_ == 0) trace_error_ = failed;
}

void exchange_watch::on_lookup(std::string_view host) {
  say_info(fmt::format("Looking up {}", printable(host)));
}

void exchange_watch::on_attempt(std::string_view address) {
  say_info(fmt::format("Trying {}", address));
}

void exchange_watch::on_failed_attempt(std::string_view address, std::string_view why) {
  say_info(fmt::format("No connection to {}: {}", address, why));
}

void exchange_watch::on_sent_body(std::string_view piece) {
  if (trace_file_) dump("=> Send data", piece);
}

void exchange_watch::on_body(std::string_view piece) {
  if (trace_file_ && !piece.empty()) dump("<= Recv data", piece);
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
  say_info(fmt::format("{} {}", reused_ ? "Re-using the connection to" : "Connected to", sent.remote_address));
  if (!sent.tls.empty()) say_info(sent.tls);
  if (trace_file_) dump("=> Send header", sent.head);
  if (!trace_wanted_) return;
  std::string text;
  add_lines(text, ">", sent.head);
  say(text);
}

void exchange_watch::on_response(const http::response& head) {
  answered_ = true;
  retry_after_ = retry_after_of(head.headers);
  if (!trace_wanted_ && !heads_wanted_ && !messages_wanted_ && !trace_file_) return;
  const std::string text = head_text(head);
  if (heads_wanted_) heads_ += text;
  if (messages_wanted_ && !messages_.empty()) take_message(head, text);
  const auto& took = head.measured;
  say_info(fmt::format("First byte after {:.3f} ms (name look-up {:.3f}, connection {:.3f}, TLS {:.3f}), {} bytes sent",
                       ms(took.first_byte), ms(took.name_lookup), ms(took.connect), ms(took.tls), took.bytes_sent));
  if (trace_file_) {
    for (std::string_view rest = text; !rest.empty();) {  // each line for itself, as curl
      const auto end = std::min(rest.find("\r\n"), rest.size() - 2) + 2;
      dump("<= Recv header", rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  if (!trace_wanted_) return;
  std::string shown;
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
  last.cut = head.body_cut || (head.status == 401 && streamed_ && head.headers.get("content-length") != "0");
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
  say_info(printable(text));
}

void exchange_watch::end(std::string_view failure, std::uint64_t bytes, std::int64_t elapsed_ns) {
  if (!failure.empty()) remark(failure);
  say_info(fmt::format("{} bytes of body, {:.3f} ms in total", bytes, static_cast<double>(elapsed_ns) / 1e6));
  if (left_out_ > 0) trace_ += fmt::format("* {} bytes more of this exchange are not shown\n", left_out_);
  left_out_ = 0;
}

}  // namespace fanout::fetch
