#pragma once

#include "origin/answer.hpp"
#include "origin/server_state.hpp"
#include "origin/transport.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// One client's connection.
namespace fanout::origin {

/// Reads requests and carries out their answers, in order, until either side ends the connection.
///
/// One coroutine, `serve`, waits; between two waits `advance` reads, parses, answers and writes as much as can be done
/// at once. Answers that take time or space (a delay, a large body, a failure on demand) go through `perform`.
class connection final : public std::enable_shared_from_this<connection>, public open_connection {
 public:
  connection(std::shared_ptr<server_state> server, socket_type socket);
  ~connection() override;

  static routine<> serve(std::shared_ptr<connection> self);

  void abort() override;

 private:
  using parser_type = boost::beast::http::request_parser<boost::beast::http::string_body>;

  /// What `advance` cannot do itself.
  enum class step { wait_read, wait_write, perform, speak_h2, finish };

  step advance();
  bool flush(step& blocked);
  bool fill(step& blocked);
  void consume(std::string_view input);
  void begin_request();
  void finish_request();
  void refuse(const boost::system::error_code& failed);
  void continue_body();

  routine<bool> handshake();
  routine<> perform(answer reply);
  routine<bool> send_body(const answer& reply);
  routine<bool> drip_body(const answer& reply);
  routine<> send_cut(const answer& reply);
  routine<> hold();
  routine<bool> send(std::string_view bytes);
  routine<bool> wait(progress until);
  routine<bool> sleep(std::chrono::milliseconds duration);
  routine<> linger();
  void watch_peer();

  std::shared_ptr<server_state> server_;
  transport transport_;
  std::unique_ptr<parser_type> parser_;  ///< of a request under way; an idle connection has none
  std::string leftover_;                 ///< read, not parsed
  std::string unsent_;                   ///< of responses already composed
  std::unique_ptr<answer> pending_;      ///< for `perform`
  exchange exchange_;                    ///< of the request last read
  std::optional<timer_type> timer_;      ///< made when first needed
  std::optional<ending> ending_;         ///< decided: nothing more is read; `reset`: no farewell is due
  bool needs_input_ = true;              ///< `leftover_` holds no whole request
  bool may_read_ = false;                ///< the socket has been waited for since it was read
  bool first_bytes_ = true;              ///< nothing was parsed yet: it may turn out to be HTTP/2
  bool speaks_h2_ = false;
  bool refused_ = false;    ///< ended with a request not read whole
  bool continued_ = false;  ///< the request under way has had its 100 Continue
  bool sleeping_ = false;
  bool watching_ = false;
  bool gone_ = false;  ///< the peer closed while we slept
};

}  // namespace fanout::origin
