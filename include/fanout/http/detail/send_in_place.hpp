#pragma once

#include <fanout/base/task.hpp>
#include <fanout/http/request.hpp>
#include <fanout/http/response.hpp>
#include <fanout/http/url.hpp>

/// \file
/// Requests and responses whose memory is used again. Not for users.
namespace fanout::http {

class client;

/// Who sends many requests, one after the other. Both messages lie in the loop's exchange, which the next one uses
/// again: a request then costs no memory and no moves of large values.
class in_place_messages {
 public:
  /// Called once: the request is blank, but for `url`, which has to be assigned. What it throws is thrown by the
  /// exchange.
  virtual void fill(request& blank) = 0;
  /// Called once, with the last response: its `url` is not set, but given. What is wanted of it may be moved away.
  virtual void take(response& answer, const url& from) = 0;

 protected:
  in_place_messages() = default;
  in_place_messages(const in_place_messages&) = default;
  in_place_messages& operator=(const in_place_messages&) = default;
  ~in_place_messages() = default;
};

/// As `client::send`. `messages` must outlive the exchange.
task<void> send_in_place(const client& by, in_place_messages& messages);

}  // namespace fanout::http
