// How a response's end is found, and what becomes of responses that are broken.
#include "http/h1/response_parser.hpp"
#include "http/owning_parser.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using response_parser = owning_parser<fanout::http::response_parser>;
using fanout::failure_kind;
using fanout::http::client_options;
using testing::HasSubstr;

struct message {
  const char* name;
  std::string bytes;
  int status;
  std::string body;
  bool ends_with_connection = false;
  bool keep_alive = true;
  bool head = false;
};

const std::vector<message>& messages() {
  static const std::vector<message> all{
      {"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", 200, "hello"},
      {"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
      {"no_reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
      {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
       200, "hello world"},
      {"chunked_empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, ""},
      {"trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n", 200,
       "0123456789"},
      {"close", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end", 200, "until the end", true, false},
      {"http_1_0", "HTTP/1.0 200 OK\r\n\r\nold", 200, "old", true, false},
      {"http_1_0_length", "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", 200, "old", false, false},
      {"http_1_0_kept", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nold", 200, "old"},
      {"interim",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
       200, "hi"},
      {"no_content", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"no_content_of_no_length", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, ""},
      {"no_content_with_length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, "", false, false},
      {"no_content_chunked", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", false, false},
      {"no_content_with_bad_length", "HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n", 204, "", false, false},
      {"not_modified_chunked", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, ""},
      {"not_modified_with_both", "HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       304, "", false, false},
      {"interim_with_length",
       "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi",
       false, false},
      {"interim_chunked",
       "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200,
       "hi", false, false},
      {"head_with_conflict", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 200, "", false, false,
       true},
      {"head_in_unknown_coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\n", 200, "", false, false, true},
      {"equal_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
      {"list_of_lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5 ,05\r\n\r\nhello", 200, "hello"},
      {"identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nuntil the end", 200, "until the end", true,
       false},
      {"identity_with_length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Identity\r\nContent-Length: 2\r\n\r\nhi", 200,
       "hi", false, false},
      {"identity_and_chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
       200, "hi", false, false},
      {"blanks_after_chunk_sizes",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nhi\r\n4\t ;x\r\n you\r\n0 \r\n\r\n", 200, "hi you"},
      {"obs_fold", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\t \tc \r\nContent-Length: 2\r\n\r\nhi", 200, "hi"},
      {"obs_fold_in_connection", "HTTP/1.1 200 OK\r\nConnection: keep-alive,\r\n close\r\nContent-Length: 0\r\n\r\n",
       200, "", false, false},
      {"bare_lines", "HTTP/1.1 200 OK\nX: y\nContent-Length: 2\n\nhi", 200, "hi", false, false},
      {"bare_status_line", "HTTP/1.0 200 OK\nX: y\r\n\r\nuntil the end", 200, "until the end", true, false},
      {"bare_lines_before_chunks", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\r\nhi\r\n0\r\n\r\n", 200, "hi",
       false, false},
      {"not_modified", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", 304, ""},
      {"head", "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", 200, "", false, true, true},
      {"head_chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", false, true, true},
  };
  return all;
}

class framing : public testing::TestWithParam<std::size_t> {};

// Feeds `bytes` in two pieces, keeping what is not used as the exchange does.
void feed(response_parser& parser, std::string_view bytes, std::size_t split) {
  std::string kept;
  for (const auto piece : {bytes.substr(0, split), bytes.substr(split)}) {
    kept.append(piece);
    if (kept.empty()) continue;
    const auto made = parser.put(kept);
    ASSERT_FALSE(made.failed);
    kept.erase(0, made.used);
  }
  ASSERT_TRUE(kept.empty());
}

TEST_P(framing, a_message_split_at_any_byte_is_the_same_message) {
  const auto& expected = messages()[GetParam()];
  const client_options options;
  for (std::size_t split = 0; split <= expected.bytes.size(); ++split) {
    response_parser parser(options, expected.head, true);
    feed(parser, expected.bytes, split);
    ASSERT_EQ(parser.ends_with_connection(), expected.ends_with_connection) << expected.name;
    if (expected.ends_with_connection) {
      ASSERT_FALSE(parser.complete());
      ASSERT_TRUE(parser.put_end());
    }
    ASSERT_TRUE(parser.complete()) << expected.name << " split at " << split;
    ASSERT_EQ(parser.keep_alive(), expected.keep_alive) << expected.name;
    const auto result = parser.take();
    ASSERT_EQ(result.status, expected.status);
    ASSERT_EQ(result.body, expected.body) << expected.name << " split at " << split;
    ASSERT_EQ(result.body_bytes, expected.body.size());
    ASSERT_FALSE(result.headers.contains("T")) << "a trailer is not a header";
    ASSERT_FALSE(result.headers.contains("Link")) << "an interim response's header is not this one's";
  }
}

TEST_P(framing, a_message_cut_at_any_byte_is_not_taken_for_whole) {
  const auto& expected = messages()[GetParam()];
  const client_options options;
  for (std::size_t cut = 1; cut < expected.bytes.size(); ++cut) {
    response_parser parser(options, expected.head, true);
    const auto made = parser.put(std::string_view(expected.bytes).substr(0, cut));
    ASSERT_FALSE(made.failed);
    ASSERT_FALSE(parser.complete()) << expected.name << " cut at " << cut;
    if (!expected.ends_with_connection) {
      ASSERT_FALSE(parser.put_end()) << expected.name << " cut at " << cut;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(http, framing, testing::Range<std::size_t>(0, 36),
                         [](const auto& which) { return messages()[which.param].name; });

TEST(framing_suite, covers_every_message) {
  EXPECT_EQ(messages().size(), 36u);
}

// As it comes from a server that writes byte by byte; beyond two pieces, the parser meets its own leftovers again.
TEST_P(framing, a_message_in_single_bytes_is_the_same_message) {
  const auto& expected = messages()[GetParam()];
  const client_options options;
  response_parser parser(options, expected.head, true);
  std::string kept;
  for (const char byte : expected.bytes) {
    const auto made = parser.put(kept += byte);
    ASSERT_FALSE(made.failed);
    kept.erase(0, made.used);
  }
  EXPECT_TRUE(kept.empty());
  EXPECT_TRUE(expected.ends_with_connection ? parser.put_end() : parser.complete());
  EXPECT_EQ(parser.take().body, expected.body);
}

// Split or not: taken for an interim response, it would have a body that ends where a read happens to.
TEST(parser, a_status_below_100_is_none) {
  const std::string_view bytes = "HTTP/1.1 051 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const client_options options;
  for (std::size_t split = 1; split <= bytes.size(); ++split) {
    response_parser parser(options, false, true);
    std::string kept(bytes.substr(0, split));
    auto made = parser.put(kept);
    if (!made.failed) {
      kept.erase(0, made.used);
      made = parser.put(kept.append(bytes.substr(split)));
    }
    EXPECT_TRUE(made.failed) << "split at " << split;
    EXPECT_FALSE(parser.complete());
  }
}

std::string folded(const std::string& fields) {
  const client_options options;
  response_parser parser(options, false, true);
  parser.put("HTTP/1.1 200 OK\r\n" + fields + "Content-Length: 0\r\n\r\n");
  EXPECT_TRUE(parser.complete()) << fields;
  std::string all;
  for (const auto& [name, value] : parser.take().headers) all.append(name).append("=").append(value).append("|");
  return all;
}

// RFC 9112 section 5.2: a user agent must put blanks instead.
TEST(parser, a_control_character_is_refused_wherever_it_is) {  // RFC 9110 section 5.5
  const client_options options;
  for (const std::size_t size : {1, 7, 8, 9, 17})
    for (std::size_t at = 0; at < size; ++at)
      for (int byte = 0; byte < 256; ++byte) {
        if (byte == '\r' || byte == '\n') continue;  // which end a line
        std::string text(size, 'a');
        text[at] = static_cast<char>(byte);
        const bool allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
        response_parser parser(options, false, true);
        const auto made = parser.put("HTTP/1.1 200 OK\r\nX: " + text + "\r\nContent-Length: 0\r\n\r\n");
        ASSERT_EQ(made.failed, !allowed) << byte << " at " << at << " of a value of " << size;
        response_parser reasoned(options, false, true);
        const auto begun = reasoned.put("HTTP/1.1 200 " + text + "\r\nContent-Length: 0\r\n\r\n");
        ASSERT_EQ(begun.failed, !allowed) << byte << " at " << at << " of a reason of " << size;
      }
}

TEST(parser, a_folded_field_has_blanks_instead) {
  EXPECT_EQ(folded("X: a\r\n b\r\n\tc \r\nY: d\r\n"), "X=a b c|Y=d|Content-Length=0|");
  EXPECT_EQ(folded("X:\r\n a\r\n"), "X=a|Content-Length=0|") << "the first line may be empty";
  EXPECT_EQ(folded("X: a\r\n \t \r\n"), "X=a|Content-Length=0|") << "and so may the others";
  EXPECT_EQ(folded("Set-Cookie: a=b;\r\n Path=/\r\n"), "Set-Cookie=a=b; Path=/|Content-Length=0|");
  const client_options options;
  response_parser trailer(options, false, true);
  trailer.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: a\r\n b\r\n\r\n");
  EXPECT_EQ(trailer.take().trailers["t"], "a b");
}

TEST(parser, a_folded_field_counts_as_any_other) {
  client_options options;
  options.max_header_bytes = 100;
  response_parser parser(options, false, true);
  std::string lines = "HTTP/1.1 200 OK\r\nX: a\r\n";
  for (int i = 0; i < 20; ++i) lines += " 0123456789\r\n";
  EXPECT_TRUE(parser.put(lines).failed);
  EXPECT_EQ(failure_of([&] { parser.raise("a server"); }).kind, failure_kind::too_large);
}

// What we cannot undo is not the body, and is not handed over as if it were.
TEST(parser, an_unsupported_transfer_coding_is_named) {
  for (const auto& [value, named] :
       std::vector<std::pair<std::string, std::string>>{{"gzip, chunked", "'gzip'"},
                                                        {"gzip", "'gzip'"},
                                                        {"chunked, gzip", "'gzip'"},
                                                        {"chunked, identity", "'identity'"},
                                                        {"xchunked", "'xchunked'"},
                                                        {"\"chunked\"", "'\"chunked\"'"},
                                                        {"chunked;q=1", "'chunked;q=1'"},
                                                        {"chunked gzip", "'chunked gzip'"}}) {
    const client_options options;
    response_parser parser(options, false, true);
    EXPECT_TRUE(parser.put("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + value + "\r\n\r\n").failed) << value;
    const auto failed = failure_of([&] { parser.raise("a server"); });
    EXPECT_EQ(failed.kind, failure_kind::protocol);
    EXPECT_THAT(failed.message, HasSubstr("unsupported coding: the transfer coding " + named)) << value;
  }
}

TEST(parser, a_body_that_is_not_kept_is_counted) {
  const client_options options;
  response_parser parser(options, false, false);
  parser.put("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const auto result = parser.take();
  EXPECT_EQ(result.body, "");
  EXPECT_EQ(result.body_bytes, 5u);
}

class broken_responses : public http_test {
 protected:
  static fanout::failure failure_for(const std::string& bytes, client_options options = {}, bool reset = false) {
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send(bytes);
      if (reset) client.reset();
    });
    return failure_of([&] { fetch(server.url(), options); });
  }
};

TEST_F(broken_responses, garbage) {
  for (const char* bytes :
       {"garbage\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const auto failed = failure_for(bytes);
    EXPECT_EQ(failed.kind, failure_kind::protocol) << bytes;
    EXPECT_THAT(failed.message, HasSubstr("malformed")) << bytes;
  }
}

TEST_F(broken_responses, early_end_says_how_far_it_came) {
  const auto body = failure_for("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
  EXPECT_EQ(body.kind, failure_kind::protocol);
  EXPECT_THAT(body.message, HasSubstr("10 of 100 bytes"));
  EXPECT_THAT(failure_for("HTTP/1.1 200 OK\r\nContent-").message, HasSubstr("in the middle of the response's header"));
  EXPECT_THAT(failure_for("").message, HasSubstr("before the first byte"));
  EXPECT_THAT(failure_for("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").message,
              HasSubstr("after 3 bytes of a body of unknown length"));
}

TEST_F(broken_responses, a_reset) {
  const auto failed = failure_for("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", {}, true);
  EXPECT_EQ(failed.kind, failure_kind::protocol);
  EXPECT_THAT(failed.message, HasSubstr("bytes of the body"));
}

TEST_F(broken_responses, limits) {
  const std::string big(300'000, 'x');
  const std::vector<std::string> headers_too_large{"HTTP/1.1 200 OK\r\nX: " + big,
                                                   "HTTP/1.1 200 OK\r\n" +
                                                       [] {
                                                         std::string many;
                                                         for (int i = 0; i < 1100; ++i) many += "a: b\r\n";
                                                         return many;
                                                       }() +
                                                       "\r\n",
                                                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;" + big};
  for (const auto& bytes : headers_too_large) EXPECT_EQ(failure_for(bytes).kind, failure_kind::too_large);

  client_options small;
  small.max_body_bytes = 10;
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
                            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n01234567890"}) {
    const auto failed = failure_for(bytes, small);
    EXPECT_EQ(failed.kind, failure_kind::too_large) << bytes;
    EXPECT_THAT(failed.message, HasSubstr("10 bytes"));
  }
}

// What harmless pages have: hundreds of fields, more than 64 KiB of them.
TEST_F(broken_responses, a_large_header_is_taken) {
  std::string many;
  for (int i = 0; i < 900; ++i) many += "Set-Cookie: name" + std::to_string(i) + "=" + std::string(200, 'x') + "\r\n";
  scripted_server server(always("HTTP/1.1 200 OK\r\n" + many + "Content-Length: 2\r\n\r\nhi"));
  EXPECT_EQ(fetch(server.url()).headers.size(), 901u);
  client_options smaller;
  smaller.max_header_count = 900;
  EXPECT_THAT(failure_of([&] { fetch(server.url(), smaller); }).message, HasSubstr("900 fields"));
}

TEST_F(broken_responses, an_endless_row_of_interim_responses) {
  std::string bytes;
  for (int i = 0; i < 20; ++i) bytes += "HTTP/1.1 102 Processing\r\n\r\n";
  EXPECT_EQ(failure_for(bytes).kind, failure_kind::protocol);
  EXPECT_EQ(failure_for("HTTP/1.1 101 Switching Protocols\r\n\r\n").kind, failure_kind::protocol);
}

TEST_F(broken_responses, exactly_at_the_limit_is_allowed) {
  client_options small;
  small.max_body_bytes = 5;
  scripted_server server(always(ok("hello")));
  EXPECT_EQ(fetch(server.url(), small).body, "hello");
}

}  // namespace
