#pragma once

#include <fanout/http/headers.hpp>
#include <fanout/http/url.hpp>

#include <string>

/// \file
/// What is sent.
namespace fanout::http {

/// One request. The client adds what is missing of Host, User-Agent, Accept, Content-Length and, when the URL names a
/// user, Authorization. Method, target and headers are checked before a byte is sent; a control character in any of
/// them, or a Content-Length or Transfer-Encoding that contradicts `body`, fails with kind `invalid_request`.
struct request {
  std::string method = "GET";
  http::url url;
  http::headers headers = {};
  std::string body = {};
  /// Whether the response's body is kept. Otherwise its bytes are counted (`response::body_bytes`) and dropped.
  bool keep_body = true;
};

}  // namespace fanout::http
