#pragma once

#include <fanout/http/body_source.hpp>
#include <fanout/http/headers.hpp>
#include <fanout/http/url.hpp>

#include <string>
#include <vector>

/// \file
/// What is sent.
namespace fanout::http {

class exchange_observer;  // exchange_observer.hpp

/// One request. The client adds what is missing of Host, User-Agent, Accept, Content-Length and, when the URL names a
/// user, Authorization. Method, target and headers are checked before a byte is sent; a control character in any of
/// them, or a Content-Length or Transfer-Encoding that contradicts the body, fails with kind `invalid_request`.
struct request {
  std::string method = "GET";
  http::url url;
  http::headers headers = {};
  std::vector<std::string> without = {};  ///< names of headers that the client would add and shall not; Host it must
  std::string body = {};
  /// Instead of `body`: a file, or a coroutine that yields the body piece by piece.
  body_source body_from = {};
  /// Whether to ask the server first, by `Expect: 100-continue` (RFC 9110 section 10.1.1), and send the body when it
  /// agrees or has said nothing for `client_options::continue_timeout`. A final answer that comes instead is the
  /// response, and the body is never sent; one of 417 makes the client send the request again without asking.
  bool expect_continue = false;
  /// Whether the response's body is kept. Otherwise its bytes are counted (`response::body_bytes`) and dropped.
  bool keep_body = true;
  /// Is told each message of the exchange, if there is one. It must outlive the exchange.
  exchange_observer* observer = nullptr;
};

}  // namespace fanout::http
