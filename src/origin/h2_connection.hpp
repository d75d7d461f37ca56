#pragma once

#include "origin/answer.hpp"
#include "origin/request.hpp"
#include "origin/server_state.hpp"
#include "origin/transport.hpp"

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

/// \file
/// HTTP/2 on one client's connection.
namespace fanout::origin {

/// The preface of a client that speaks HTTP/2 (RFC 9113 section 3.4).
inline constexpr std::string_view h2_preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Answers the requests of one connection, many at a time, by nghttp2. One coroutine reads, answers and writes; answers
/// that take time have a timer each. Failures of the connection's framing are part of the answers: see `h2_failure`.
///
/// `server` and `wire` must outlive it. Thread safety: none.
class h2_connection {
 public:
  h2_connection(server_state& server, transport& wire);
  h2_connection(const h2_connection&) = delete;
  h2_connection& operator=(const h2_connection&) = delete;
  ~h2_connection();

  /// Until either side ends the connection. `first`: what was read of it already.
  routine<> serve(std::string first);

 private:
  struct stream {
    request_type request;
    answer reply;
    bool head = false;
    bool answered = false;
    bool waiting = false;     ///< counted among those that wait
    std::uint64_t sent = 0;   ///< of the body
    std::uint64_t limit = 0;  ///< bytes of it that are sent at all
    bool due = true;          ///< the next byte of a drip
    std::optional<timer_type> timer;
  };
  struct callbacks;

  stream* find(std::int32_t id);
  bool feed(std::string_view bytes);
  progress write();
  routine<bool> wait(progress until);
  routine<> linger();
  void wake();

  void finish_request(std::int32_t id, stream& of);
  void refuse_body(std::int32_t id, stream& of);
  void answer_now(std::int32_t id, stream& of);
  void fail(std::int32_t id, const answer& how);
  void go_away(std::int32_t last);
  bool done() const;
  void wait_to(std::int32_t id, stream& of, std::chrono::milliseconds how_long,
               void (h2_connection::*then)(std::int32_t));
  void on_delay(std::int32_t id);
  void on_pace(std::int32_t id);
  std::ptrdiff_t take_body(std::int32_t id, stream& of, std::span<char> into, std::uint32_t& flags);
  void stop_waiting(stream& of);

  server_state& server_;
  transport& wire_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, stream> streams_;
  std::string out_;
  std::size_t written_ = 0;
  std::string flood_;  ///< sent again and again, until the client has had enough
  std::uint64_t requests_ = 0;
  std::optional<std::int32_t> last_;  ///< the last stream that is answered, after GOAWAY
  bool closing_ = false;              ///< once `out_` is written
  bool woken_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< for timers
};

}  // namespace fanout::origin
