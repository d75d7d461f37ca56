// Responses as bytes: heads, chunks, and what becomes of the connection, without one.

#include <fanout/origin/content.hpp>

#include "origin/answer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout::origin;

constexpr exchange kept{.keep_alive = true};

std::string whole(const answer& reply, const exchange& with = kept) {
  std::string out;
  append_whole(out, reply, with);
  return out;
}

answer text(std::string body) {
  answer reply;
  reply.body = std::move(body);
  return reply;
}

answer generated(std::uint64_t bytes, framing how) {
  answer reply;
  reply.content_type = "application/octet-stream";
  reply.generated = bytes;
  reply.body_framing = how;
  return reply;
}

TEST(answer, a_plain_page_is_this_to_the_byte) {
  EXPECT_EQ(whole(text("hello")),
            "HTTP/1.1 200 OK\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            "content-length: 5\r\n"
            "\r\n"
            "hello");
}

TEST(answer, further_headers_and_the_end_of_the_connection_are_announced) {
  answer reply = text("");
  reply.status = 302;
  reply.headers = "location: /elsewhere\r\n";
  reply.then = ending::close;
  EXPECT_EQ(whole(reply),
            "HTTP/1.1 302 Found\r\n"
            "content-type: text/plain; charset=utf-8\r\n"
            "content-length: 0\r\n"
            "location: /elsewhere\r\n"
            "connection: close\r\n"
            "\r\n");
}

TEST(answer, a_status_that_has_no_content_has_no_headers_of_it) {
  for (const unsigned status : {204U, 304U}) {
    answer reply = text("lost");
    reply.status = status;
    EXPECT_EQ(whole(reply).find("content-"), std::string::npos);
    EXPECT_TRUE(whole(reply).ends_with("\r\n\r\n")) << whole(reply);
    EXPECT_FALSE(has_body(reply, kept));
  }
}

TEST(answer, a_status_that_is_not_registered_has_a_reason_all_the_same) {
  answer reply = text("");
  reply.status = 799;
  EXPECT_TRUE(whole(reply).starts_with("HTTP/1.1 799 Unregistered\r\n"));
}

TEST(answer, to_head_has_the_headers_and_no_body) {
  const exchange head{.head = true, .keep_alive = true};
  EXPECT_TRUE(whole(text("hello"), head).ends_with("content-length: 5\r\n\r\n"));
  EXPECT_FALSE(has_body(text("hello"), head));
}

TEST(answer, chunks_are_of_the_size_asked_for_and_end_with_an_empty_one) {
  answer reply = generated(5, framing::chunked);
  reply.chunk_bytes = 2;
  EXPECT_TRUE(
      whole(reply).ends_with("transfer-encoding: chunked\r\n\r\n"
                             "2\r\nAB\r\n2\r\nCD\r\n1\r\nE\r\n0\r\n\r\n"))
      << whole(reply);
  EXPECT_TRUE(whole(generated(0, framing::chunked)).ends_with("\r\n\r\n0\r\n\r\n"));
}

TEST(answer, generated_bodies_are_the_known_content) {
  const std::string got = whole(generated(200'000, framing::length));
  EXPECT_TRUE(got.ends_with("content-length: 200000\r\n\r\n" + content(0, 200'000)));
  std::string chunk;
  append_chunk(chunk, 70'000, 65'536);
  EXPECT_EQ(chunk, "10000\r\n" + content(70'000, 65'536) + "\r\n");
}

TEST(answer, a_client_of_http_1_0_gets_no_chunks_and_is_told_of_keep_alive) {
  const exchange old{.http_1_0 = true, .keep_alive = true};
  EXPECT_EQ(effective_framing(generated(3, framing::chunked), old), framing::until_close);
  EXPECT_EQ(effective_ending(generated(3, framing::chunked), old), ending::close) << "the end ends the body";
  EXPECT_TRUE(whole(generated(3, framing::chunked), old).ends_with("connection: close\r\n\r\nABC"));
  EXPECT_TRUE(whole(text("x"), old).ends_with("connection: keep-alive\r\n\r\nx"));
}

TEST(answer, the_connection_is_kept_where_both_want_that_and_the_body_has_an_end) {
  EXPECT_EQ(effective_ending(text("x"), kept), ending::keep);
  EXPECT_EQ(effective_ending(text("x"), {.keep_alive = false}), ending::close);
  EXPECT_EQ(effective_ending(generated(1, framing::until_close), kept), ending::close);
  EXPECT_EQ(effective_ending(generated(1, framing::until_close), {.head = true, .keep_alive = true}), ending::keep)
      << "there is no body to end";
  answer reset = text("x");
  reset.then = ending::reset;
  EXPECT_EQ(effective_ending(reset, kept), ending::reset);
}

TEST(answer, a_lie_is_told_as_asked) {
  answer reply = generated(3, framing::length);
  reply.claimed_length = 100;
  EXPECT_TRUE(whole(reply).ends_with("content-length: 100\r\n\r\nABC"));
  answer silent = text("x");
  silent.then = ending::close_silently;
  EXPECT_TRUE(whole(silent).ends_with("connection: keep-alive\r\n\r\nx"));
  answer bare = text("not HTTP");
  bare.bare = true;
  EXPECT_EQ(whole(bare), "not HTTP");
}

}  // namespace
