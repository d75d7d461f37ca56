#pragma once

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fetch/record.hpp>
#include <fanout/fetch/settings.hpp>
#include <fanout/http/exchange_observer.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// What is noted of an exchange while it goes on.
namespace fanout::fetch {

/// Notes the messages of one try: as `curl -v` shows them, and the headers of its responses as `curl -D` saves them.
/// What is written to standard error, or to `settings::trace_file`, goes there as it comes, in whole lines. What is
/// kept is bounded: of more than 256 KiB, the number of bytes that are left out is told.
///
/// Thread safety: none.
class exchange_watch final : public http::exchange_observer {
 public:
  /// `number` is the request's in its list. `before` is what the tries before this one came to: trace and heads go on
  /// there.
  explicit exchange_watch(const settings& how, std::uint64_t number = 0, record before = {});

  /// Whether settings ask for what only a watch knows.
  static bool wanted(const settings& how) noexcept {
    return how.keep_trace || how.show_trace || !how.trace_file.empty() || how.keep_heads || how.keep_messages ||
           how.retries > 0;
  }

  void on_lookup(std::string_view host) override;
  void on_attempt(std::string_view address) override;
  void on_failed_attempt(std::string_view address, std::string_view why) override;
  void on_request(const http::sent_request& sent) override;
  void on_sent_body(std::string_view piece) override;
  void on_response(const http::response& head) override;
  /// A piece of the response's body, its codings undone.
  void on_body(std::string_view piece);
  void on_cut(const http::response& so_far) override;
  /// The rest of a body that is read piece by piece will not come.
  void on_body_cut() noexcept { body_cut_ = true; }

  /// What happens between two tries.
  void remark(std::string_view text);
  /// At the end; `failure` is empty where a response came.
  void end(std::string_view failure, std::uint64_t bytes, std::int64_t elapsed_ns);
  /// What was noted; empty where it was not wanted.
  const std::string& trace() const noexcept { return trace_; }
  const std::string& sent_heads() const noexcept { return sent_heads_; }
  const std::string& heads() const noexcept { return heads_; }
  std::vector<message_pair> take_messages() noexcept { return std::exchange(messages_, {}); }
  /// The body of the last response was cut; its message has what came of it.
  bool cut() const noexcept { return cut_; }
  /// The same of a body that was read piece by piece: what came of it is where it went.
  bool body_cut() const noexcept { return body_cut_; }

  /// The exchange ended on a connection that was kept open, and no response came on it: its server had closed it, most
  /// likely, before it saw the request.
  bool lost_on_kept_connection() const noexcept { return reused_ && !answered_; }
  /// Why `settings::trace_file` lacks something, as `errno` says it; 0: it lacks nothing.
  int trace_error() const noexcept { return trace_error_; }
  /// Seconds, from the last response's Retry-After (RFC 9110 section 10.2.3).
  std::optional<std::chrono::milliseconds> retry_after() const noexcept { return retry_after_; }

 private:
  void take_message(const http::response& head, const std::string& text);
  static void add_lines(std::string& text, std::string_view mark, std::string_view head);
  void say(std::string_view text);
  void say_info(const std::string& text);
  void dump(std::string_view title, std::string_view bytes);
  void write_trace(const std::string& text);
  std::string with_marks(std::string_view text, bool each_line) const;

  const bool numbered_;
  const bool timed_;
  const bool in_hex_;
  const std::uint64_t number_;
  fanout::detail::owned_descriptor trace_file_;  ///< empty: none is written
  int trace_error_ = 0;                          ///< of the first part that could not be written to it
  const bool trace_wanted_;
  const bool trace_shown_;  ///< on standard error, at once
  const bool heads_wanted_;
  const bool messages_wanted_;
  const bool streamed_;  ///< the body of a 401 that is answered by a password is not seen
  std::string trace_;
  std::uint64_t left_out_ = 0;  ///< bytes of it
  std::string sent_heads_;
  std::string heads_;
  std::optional<std::chrono::milliseconds> retry_after_;
  std::vector<message_pair> messages_;
  bool cut_ = false;
  bool body_cut_ = false;
  bool reused_ = false;
  bool answered_ = false;
};

}  // namespace fanout::fetch
