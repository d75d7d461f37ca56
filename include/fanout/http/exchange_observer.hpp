#pragma once

#include <string>
#include <string_view>

/// \file
/// Looking on while requests are sent and answered.
namespace fanout::http {

struct response;

/// A request as it is about to leave, redirects and repetitions each for themselves.
struct sent_request {
  std::string_view head;            ///< request line and header, with the empty line at the end
  std::string_view remote_address;  ///< of the connection's peer
  bool connection_reused = false;
  std::string tls = {};       ///< version and cipher suite; empty without TLS
  std::string_view url = {};  ///< that it asks for
};

/// What `curl -v` is made of: a `request` that names one tells it each message of its exchange.
///
/// ```cpp
/// struct printer final : http::exchange_observer {
///   void on_request(const http::sent_request& sent) override { std::cerr << sent.head; }
///   void on_response(const http::response& head) override { std::cerr << head.status << '\n'; }
/// };
/// ```
///
/// Thread safety: called on the loop of the exchange, inside of it: it must neither wait nor throw. It must outlive the
/// exchange.
class exchange_observer {
 public:
  virtual ~exchange_observer() = default;
  /// A name is looked up.
  virtual void on_lookup(std::string_view /*host*/) {}
  /// A connection to this address is tried; several may be under way (RFC 8305).
  virtual void on_attempt(std::string_view /*address*/) {}
  virtual void on_failed_attempt(std::string_view /*address*/, std::string_view /*why*/) {}
  virtual void on_request(const sent_request& sent) = 0;
  /// A piece of the request's body is about to leave, without framing.
  virtual void on_sent_body(std::string_view /*piece*/) {}
  /// The header of a response has come; `head` may have its body, too.
  virtual void on_response(const response& head) = 0;
  /// Instead of `on_response`: the exchange fails after the header of a response, and `so_far` has what came of its
  /// body, if that is kept.
  virtual void on_cut(const response& so_far) { static_cast<void>(so_far); }

 protected:
  exchange_observer() = default;
  exchange_observer(const exchange_observer&) = default;
  exchange_observer& operator=(const exchange_observer&) = default;
};

}  // namespace fanout::http
