#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// \file
/// What an endpoint decides; the connection carries it out.
namespace fanout::origin {

enum class framing { length, chunked, until_close };

/// What becomes of the connection after the answer.
enum class ending {
  keep,            ///< open for the next request, unless the request asks for another ending
  close,           ///< closed, and announced
  close_silently,  ///< closed although keep-alive was announced
  reset,           ///< RST
  never,           ///< there is no answer: open until the peer goes away
};

/// What becomes of a request over HTTP/2 instead of an answer.
enum class h2_failure {
  none,
  refuse,  ///< REFUSED_STREAM
  goaway,  ///< GOAWAY that leaves the request out
  flood,   ///< frames that lead nowhere, for ever
};

/// A response as a plan. Large bodies are generated while they are sent.
struct answer {
  unsigned status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";  ///< a literal
  std::string headers;                                          ///< further lines, each ending in CR LF
  std::string body;                                             ///< all of the body, unless `generated`
  std::uint64_t generated = 0;                                  ///< this many bytes of `content` are the body
  std::optional<std::uint64_t> claimed_length;                  ///< content-length, when it is not the truth
  framing body_framing = framing::length;
  std::uint64_t chunk_bytes = 16 * 1024;
  std::chrono::milliseconds delay{0};      ///< before the first byte
  std::chrono::milliseconds pace{0};       ///< between one byte of the body and the next
  std::optional<std::uint64_t> cut_after;  ///< bytes of the response, head included, that are sent at all
  bool bare = false;                       ///< `body` is sent without status line and headers
  ending then = ending::keep;
  h2_failure over_h2 = h2_failure::none;
  std::string_view flood_of;  ///< a literal: which frames
};

/// What the request says about the form of its response.
struct exchange {
  bool head = false;        ///< no body is sent
  bool http_1_0 = false;    ///< chunks are not understood
  bool keep_alive = false;  ///< the client would keep the connection
};

/// How the body is really delimited for this client.
framing effective_framing(const answer& reply, const exchange& with) noexcept;

/// What really becomes of the connection.
ending effective_ending(const answer& reply, const exchange& with) noexcept;

/// Whether a body follows the head.
bool has_body(const answer& reply, const exchange& with) noexcept;

/// Appends status line, headers and the empty line.
void append_head(std::string& out, const answer& reply, const exchange& with);

/// Appends one chunk of content (RFC 9112 section 7.1), or, for no bytes, the end of the body.
void append_chunk(std::string& out, std::uint64_t offset, std::uint64_t size);

/// Appends the whole response; for bodies known to be small.
void append_whole(std::string& out, const answer& reply, const exchange& with);

}  // namespace fanout::origin
