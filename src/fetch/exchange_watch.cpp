#include "fetch/exchange_watch.hpp"

#include <fanout/fetch/retry_policy.hpp>
#include <fanout/http/response.hpp>

#include "fetch/text.hpp"

#include <fmt/format.h>

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

}  // namespace

void exchange_watch::on_request(const http::sent_request& sent) {
  reused_ = sent.connection_reused;
  answered_ = false;
  if (heads_wanted_) sent_heads_ += sent.head;
  if (!trace_wanted_) return;
  fmt::format_to(std::back_inserter(trace_), "* {} {}\n", reused_ ? "Re-using the connection to" : "Connected to",
                 sent.remote_address);
  if (!sent.tls.empty()) fmt::format_to(std::back_inserter(trace_), "* {}\n", sent.tls);
  add_lines(">", sent.head);
}

void exchange_watch::on_response(const http::response& head) {
  answered_ = true;
  retry_after_ = head.headers.get("retry-after");
  if (!trace_wanted_ && !heads_wanted_) return;
  const std::string text = head_text(head);
  if (heads_wanted_) heads_ += text;
  if (!trace_wanted_) return;
  const auto& took = head.measured;
  fmt::format_to(std::back_inserter(trace_),
                 "* First byte after {:.3f} ms (name look-up {:.3f}, connection {:.3f}, TLS {:.3f}), {} bytes sent\n",
                 ms(took.first_byte), ms(took.name_lookup), ms(took.connect), ms(took.tls), took.bytes_sent);
  add_lines("<", text);
}

/// Each line of a header; what came from a server is made fit for a terminal.
void exchange_watch::add_lines(std::string_view mark, std::string_view head) {
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    fmt::format_to(std::back_inserter(trace_), "{} {}\n", mark, printable(head.substr(0, end)));
    head.remove_prefix(std::min(end + 2, head.size()));
  }
}

void exchange_watch::end(std::string_view failure, std::uint64_t bytes, std::int64_t elapsed_ns) {
  if (!trace_wanted_) return;
  if (!failure.empty()) fmt::format_to(std::back_inserter(trace_), "* {}\n", printable(failure));
  fmt::format_to(std::back_inserter(trace_), "* {} bytes of body, {:.3f} ms in total\n", bytes,
                 static_cast<double>(elapsed_ns) / 1e6);
}

std::optional<std::chrono::milliseconds> exchange_watch::retry_after() const {
  return parse_retry_after(retry_after_, std::chrono::system_clock::now());
}

}  // namespace fanout::fetch
