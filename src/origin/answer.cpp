#include "origin/answer.hpp"

#include <fanout/origin/content.hpp>

#include <boost/beast/http/status.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace fanout::origin {
namespace {

// RFC 9110 section 6.4.1: these never have content.
bool status_without_body(unsigned status) noexcept {
  return status == 204 || status == 304;
}

std::string_view reason(unsigned status) {
  const auto known = boost::beast::http::int_to_status(status);
  if (known == boost::beast::http::status::unknown) return "Unregistered";
  const auto text = boost::beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

void append_content(std::string& out, std::uint64_t size) {
  for (std::uint64_t offset = 0; offset < size;) {
    const auto block = content_block(offset).substr(0, size - offset);
    out += block;
    offset += block.size();
  }
}

}  // namespace

framing effective_framing(const answer& reply, const exchange& with) noexcept {
  if (reply.body_framing == framing::chunked && with.http_1_0) return framing::until_close;
  return reply.body_framing;
}

ending effective_ending(const answer& reply, const exchange& with) noexcept {
  if (reply.then != ending::keep) return reply.then;
  const bool delimited = effective_framing(reply, with) != framing::until_close || with.head;
  return with.keep_alive && delimited ? ending::keep : ending::close;
}

bool has_body(const answer& reply, const exchange& with) noexcept {
  return !with.head && !status_without_body(reply.status);
}

void append_head(std::string& out, const answer& reply, const exchange& with) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status));
  if (!status_without_body(reply.status)) {
    fmt::format_to(to, "content-type: {}\r\n", reply.content_type);
    switch (effective_framing(reply, with)) {
      case framing::length:
        fmt::format_to(to, "content-length: {}\r\n",
                       reply.claimed_length.value_or(reply.generated ? reply.generated : reply.body.size()));
        break;
      case framing::chunked:
        out += "transfer-encoding: chunked\r\n";
        break;
      case framing::until_close:
        break;
    }
  }
  out += reply.headers;
  if (effective_ending(reply, with) == ending::close)
    out += "connection: close\r\n";
  else if (with.http_1_0 || reply.then == ending::close_silently)
    out += "connection: keep-alive\r\n";
  out += "\r\n";
}

void append_chunk(std::string& out, std::uint64_t offset, std::uint64_t size) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", size);
  for (const std::uint64_t end = offset + size; offset < end;) {
    const auto block = content_block(offset).substr(0, end - offset);
    out += block;
    offset += block.size();
  }
  out += "\r\n";
}

void append_whole(std::string& out, const answer& reply, const exchange& with) {
  if (reply.bare) {
    out += reply.body;
    return;
  }
  append_head(out, reply, with);
  if (!has_body(reply, with)) return;
  if (effective_framing(reply, with) == framing::chunked) {
    for (std::uint64_t offset = 0; offset < reply.generated; offset += reply.chunk_bytes)
      append_chunk(out, offset, std::min(reply.chunk_bytes, reply.generated - offset));
    append_chunk(out, reply.generated, 0);
  } else if (reply.generated) {
    append_content(out, reply.generated);
  } else {
    out += reply.body;
  }
}

}  // namespace fanout::origin
