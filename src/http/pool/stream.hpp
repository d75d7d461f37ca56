#pragma once

#include <fanout/http/client_options.hpp>
#include <fanout/http/response.hpp>

#include "http/io/poller.hpp"

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

/// \file
/// What an exchange asks of the stream that carries it, whatever the version of HTTP.
namespace fanout::http {

struct proxy_server;

/// How a stream is to send a request.
struct stream_settings {
  const client_options& options;
  std::string_view user_agent;
  const proxy_server* read_by = nullptr;  ///< the proxy that reads the request, if one does
  bool expect_continue = false;           ///< hold the body back until the server answers `Expect`
};

/// What an exchange needs next.
enum class step {
  complete,     ///< the response is there
  header,       ///< of a streamed response: all but the body is there
  some,         ///< of a streamed response: more of the body is there, or its end
  want_read,    ///< call again once the stream is readable
  want_write,   ///< call again once the stream is writable
  want_either,  ///< call again once it is either
  want_body,    ///< call again once more of the request's body was pulled
  lost,         ///< the session ended, or refused the stream, before the response was there; `raise_lost` says how
  again,        ///< from the exchange: the request may be sent once more, on another session
};

/// What to wait for on the stream; 0 for nothing.
constexpr std::uint8_t waits_for(step next) noexcept {
  if (next == step::want_either) return readable | writable;
  return next == step::want_read ? readable : next == step::want_write ? writable : 0;
}

/// A stream sends one request and reads its response. It never waits: `advance` does what can be done now and says what
/// to wait for, and `wait` is what to await then; `cancel` ends that wait. The exchange sees to everything else: where
/// the request goes, deadlines, retries, redirects, the measurements and the pool. A stream is a member of its exchange
/// and is used again for the next request, so nothing is allocated and nothing is virtual for each of them.
///
/// HTTP/1.1 reads and writes the session's connection itself (`h1_stream`). With a protocol that multiplexes, a session
/// reads and writes for all its streams when the poller notifies it; `advance` then takes what has come for this one,
/// and `wait` parks the exchange's coroutine in the stream.
template <class Stream>
concept http_stream = requires(Stream stream, const Stream seen, const std::string peer, step next) {
  { stream.advance() } -> std::same_as<step>;
  { stream.advance_body() } -> std::same_as<step>;  // of a streamed response
  stream.wait(next);
  { stream.cancel() } noexcept;
  { stream.end() } noexcept;
  { seen.answered() } -> std::same_as<bool>;        // a byte of the response has come
  { seen.complete() } -> std::same_as<bool>;        // all of it
  { seen.status() } -> std::same_as<int>;           // valid once the header is there
  { seen.session_usable() } -> std::same_as<bool>;  // whether the session can carry another exchange; valid at the end
  { seen.holds_body() } -> std::same_as<bool>;      // the request's body waits for the server's 100, or `send_body`
  stream.send_body();
  { stream.conclude() } noexcept;                    // the response is told what is known of its body
  { stream.take_head() } -> std::same_as<response>;  // all but the body, of a streamed one
  { seen.kept_whole() } -> std::same_as<bool>;       // a streamed one that is a redirect, and there with its body
  { stream.body() } -> std::same_as<std::string&>;   // of a streamed one, what lies there untaken
  { seen.exhausted() } -> std::same_as<bool>;        // and nothing more comes
  stream.finish(std::declval<response&>());          // adds what is known at the end of a streamed body
  { seen.how_far() } -> std::same_as<std::string>;   // for messages: "after 12 of 100 bytes of the body"
};

}  // namespace fanout::http
