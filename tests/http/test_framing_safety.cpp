// Responses that two readers could understand differently, and those without end: each fails, and says what it breaks.
#include "http/h1/response_parser.hpp"
#include "http/owning_parser.hpp"
#include "http/support.hpp"

#include <fmt/format.h>

namespace {

using namespace fanout_test;
using response_parser = owning_parser<fanout::http::response_parser>;
using fanout::failure_kind;
using fanout::http::client_options;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

struct refused_head {
  const char* name;
  std::string bytes;
  const char* section;
};

std::string header(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}

std::string chunked(const std::string& body) {
  return header("Transfer-Encoding: chunked\r\n", body);
}

const std::vector<refused_head>& refusals() {
  using namespace std::string_literals;
  static const std::vector<refused_head> all{
      {"another_protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", "RFC 9112 section 4"},
      {"lower_case_version", "http/1.1 200 OK\r\n\r\n", "RFC 9112 section 4"},
      {"another_version", "HTTP/1.2 200 OK\r\n\r\n", "RFC 9112 section 2.3"},
      {"version_9", "HTTP/9.9 200 OK\r\n\r\n", "RFC 9112 section 4"},
      {"two_spaces", "HTTP/1.1  200 OK\r\n\r\n", "RFC 9112 section 4"},
      {"two_digits", "HTTP/1.1 20 OK\r\n\r\n", "RFC 9112 section 4"},
      {"four_digits", "HTTP/1.1 2000 OK\r\n\r\n", "RFC 9112 section 4"},
      {"status_0", "HTTP/1.1 000 OK\r\n\r\n", "RFC 9110 section 15"},
      {"control_in_reason", "HTTP/1.1 200 O\x01K\r\n\r\n", "RFC 9112 section 4"},
      {"nul_in_reason", "HTTP/1.1 200 O\0K\r\n\r\n"s, "RFC 9112 section 4"},
      {"empty_line_first", "\r\nHTTP/1.1 200 OK\r\n\r\n", "RFC 9112 section 4"},
      {"bare_lf_after_field", header("X: y\n"), "RFC 9112 section 2.2"},
      {"bare_lf_at_end", "HTTP/1.1 200 OK\r\nX: y\r\n\n", "RFC 9112 section 2.2"},
      {"bare_cr_in_field", header("X: a\rY: b\r\n"), "RFC 9110 section 5.5"},
      {"nul_in_field", header("X: a\0b\r\n"s), "RFC 9110 section 5.5"},
      {"control_in_field", header("X: a\x1b[2J\r\n"), "RFC 9110 section 5.5"},
      {"delete_in_field", header("X: a\x7f\r\n"), "RFC 9110 section 5.5"},
      {"obs_fold_first", header(" X: a\r\n"), "RFC 9112 section 2.2"},
      {"folded_length", header("Content-Length: 5\r\n 0\r\n", "hello"), "RFC 9112 section 5.2"},
      {"folded_coding", header("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), "RFC 9112 section 5.2"},
      {"folded_length_in_trailer", chunked("0\r\nContent-Length:\r\n 5\r\n\r\n"), "RFC 9110 section 6.5.1"},
      {"control_in_fold", header("X: a\r\n b\x01\r\n"), "RFC 9110 section 5.5"},
      {"bare_cr_in_bare_lines", "HTTP/1.1 200 OK\nX: a\rY: b\n\n", "RFC 9110 section 5.5"},
      {"bare_lf_after_interim_in_bare_lines",
       "HTTP/1.1 103 Hints\n\nHTTP/1.1 200 OK\r\nX: a\nContent-Length: 0\r\n\r\n", "RFC 9112 section 2.2"},
      {"bare_lines_in_chunks", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
       "RFC 9112 section 2.2"},
      {"bare_lines_in_trailer", "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\r\nX: y\n\n", "RFC 9112 section 2.2"},
      {"space_before_colon", header("Content-Length : 5\r\n", "hello"), "RFC 9112 section 5.1"},
      {"no_colon", header("X\r\n"), "RFC 9112 section 5"},
      {"no_name", header(": x\r\n"), "RFC 9110 section 5.6.2"},
      {"name_with_space", header("X Y: x\r\n"), "RFC 9110 section 5.6.2"},
      {"name_with_control", header("X\x01: x\r\n"), "RFC 9110 section 5.6.2"},
      {"name_not_ascii", header("\xc3\xbc: x\r\n"), "RFC 9110 section 5.6.2"},
      {"conflicting_lengths", header("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"), "RFC 9112 section 6.3"},
      {"list_of_unequal_lengths", header("Content-Length: 5, 6\r\n", "hello!"), "RFC 9112 section 6.3"},
      {"equal_and_unequal_lengths", header("Content-Length: 5\r\nContent-Length: 6\r\nContent-Length: 5\r\n", "hello!"),
       "RFC 9112 section 6.3"},
      {"list_with_empty_length", header("Content-Length: 5,\r\n", "hello"), "RFC 9110 section 8.6"},
      {"length_and_equal_no_number", header("Content-Length: 5, 5x\r\n", "hello"), "RFC 9110 section 8.6"},
      {"length_with_sign", header("Content-Length: +5\r\n", "hello"), "RFC 9110 section 8.6"},
      {"negative_length", header("Content-Length: -1\r\n"), "RFC 9110 section 8.6"},
      {"length_in_hex", header("Content-Length: 0x5\r\n", "hello"), "RFC 9110 section 8.6"},
      {"empty_length", header("Content-Length:\r\n"), "RFC 9110 section 8.6"},
      {"length_out_of_range", header("Content-Length: 18446744073709551621\r\n"), "RFC 9110 section 8.6"},
      {"length_and_chunked", header("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       "RFC 9112 section 6.3"},
      {"chunked_and_length", header("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
       "RFC 9112 section 6.3"},
      {"chunked_twice", header("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "RFC 9112 section 6.1"},
      {"chunked_in_a_list_twice", header("Transfer-Encoding: chunked, chunked\r\n"), "RFC 9112 section 6.1"},
      {"empty_coding", header("Transfer-Encoding:\r\n"), "RFC 9112 section 6.1"},
      {"chunked_in_1_0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "RFC 9112 section 6.1"},
      {"interim_with_body", "HTTP/1.1 103 Hints\r\nContent-Length: 5\r\n\r\nhello\r\n", "RFC 9112 section 4"},
      {"empty_chunk_size", chunked("\r\nhello"), "RFC 9112 section 7.1"},
      {"chunk_size_no_number", chunked("zz\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_with_prefix", chunked("0x5\r\nhello\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_with_sign", chunked("+5\r\nhello\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_with_underscore", chunked("5_0\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_after_space", chunked(" 5\r\nhello\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_out_of_range", chunked("10000000000000005\r\nhello\r\n"), "RFC 9112 section 7.1"},
      {"chunk_size_with_bare_lf", chunked("5\nhello\r\n"), "RFC 9112 section 2.2"},
      {"bare_cr_in_extension", chunked("5;a\rb\r\nhello\r\n"), "RFC 9112 section 7.1.1"},
      {"nul_in_extension", chunked("5;a\0b\r\nhello\r\n"s), "RFC 9112 section 7.1.1"},
      {"chunk_too_long", chunked("5\r\nhello world\r\n0\r\n\r\n"), "RFC 9112 section 7.1"},
      {"chunk_ended_by_lf", chunked("5\r\nhello\n0\r\n\r\n"), "RFC 9112 section 2.2"},
      {"control_in_trailer", chunked("0\r\nX: a\x01\r\n\r\n"), "RFC 9110 section 5.5"},
      {"length_in_trailer", chunked("0\r\nContent-Length: 3\r\n\r\n"), "RFC 9110 section 6.5.1"},
      {"coding_in_trailer", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), "RFC 9110 section 6.5.1"},
  };
  return all;
}

std::string refusal_of(response_parser& parser) {
  const auto failed = failure_of([&] { parser.raise("a server"); });
  EXPECT_EQ(failed.kind, failure_kind::protocol);
  return failed.message;
}

// As a network may cut it: never taken for a response, and never for another malformed one.
TEST(framing_safety, what_could_be_read_in_two_ways_is_refused_however_it_is_cut) {
  const client_options options;
  for (const auto& each : refusals()) {
    SCOPED_TRACE(each.name);
    for (std::size_t split = 0; split <= each.bytes.size(); ++split) {
      response_parser parser(options, false, true);
      std::string kept = each.bytes.substr(0, split);
      auto made = parser.put(kept);
      if (!made.failed) {
        kept.erase(0, made.used);
        made = parser.put(kept.append(each.bytes.substr(split)));
      }
      ASSERT_TRUE(made.failed) << "split at " << split;
      ASSERT_FALSE(parser.complete());
      ASSERT_THAT(refusal_of(parser), AllOf(HasSubstr("malformed"), HasSubstr(std::string("(") + each.section + ")")));
    }
  }
}

class hostile_servers : public http_test {
 protected:
  static client_options impatient() {
    client_options options;
    options.idle_timeout = options.total_timeout = 20s;  // must not expire
    return options;
  }
  static fanout::failure failure_with(scripted_server::script play, const client_options& options = impatient()) {
    scripted_server server(std::move(play));
    return failure_of([&] { fetch(server.url(), options); });
  }
};

TEST_F(hostile_servers, a_refused_response_is_the_failure_of_its_request) {
  for (const auto& each : refusals()) {
    const auto failed = failure_with(always(each.bytes));
    EXPECT_EQ(failed.kind, failure_kind::protocol) << each.name;
    EXPECT_THAT(failed.message, AllOf(HasSubstr("127.0.0.1:"), HasSubstr(each.section))) << each.name;
  }
}

// Cut by an orderly end and by a reset, after every byte.
TEST_F(hostile_servers, a_connection_that_ends_after_any_byte) {
  const std::string whole = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nT: v\r\n\r\n";
  for (const bool reset : {false, true}) {
    scripted_server server([&](peer& client, int number) {
      client.read_request();
      client.send(std::string_view(whole).substr(0, static_cast<std::size_t>(number)));
      if (reset) client.reset();
    });
    asio::io_context loop(1);
    const fanout::http::client client(impatient());
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      const auto failed = failure_of([&] { get_on(loop, client, server.url()); });
      EXPECT_EQ(failed.kind, failure_kind::protocol) << "cut after " << cut;
      EXPECT_THAT(failed.message, AnyOf(HasSubstr("first byte"), HasSubstr("the response's header"),
                                        HasSubstr("of the body"), HasSubstr("of a body")));
    }
    if (!reset) {
      EXPECT_EQ(get_on(loop, client, server.url()).body, "hello");
    }
  }
}

TEST_F(hostile_servers, what_has_no_end_is_too_large) {
  auto options = impatient();
  options.max_body_bytes = 1 << 20;
  const auto endless = [&](const std::string& start, const std::string& again) {
    return failure_with(
        [&](peer& client, int) {
          client.read_request();
          client.send(start);
          while (client.send(again)) {
          }
        },
        options);
  };
  const std::string line(1000, 'x');
  for (const auto& [start, again] :
       std::vector<std::pair<std::string, std::string>>{{"", line},
                                                        {"HTTP/1.1 200 ", line},
                                                        {"HTTP/1.1 200 OK\r\n", "X: " + line + "\r\n"},
                                                        {"HTTP/1.1 200 OK\r\n", "a:\r\n"},
                                                        {"HTTP/1.1 200 OK\r\nX: ", line},
                                                        {header(""), line},
                                                        {chunked(""), fmt::format("{:x}\r\n{}\r\n", line.size(), line)},
                                                        {chunked("1;"), line},
                                                        {chunked(""), "1;" + line + "\r\nx\r\n"},
                                                        {chunked("0\r\n"), "X: " + line + "\r\n"}}) {
    const auto failed = endless(start, again);
    EXPECT_EQ(failed.kind, failure_kind::too_large) << start << again.substr(0, 10) << ": " << failed.message;
    EXPECT_THAT(failed.message, HasSubstr("over the limit of")) << start << again.substr(0, 10);
  }
  EXPECT_EQ(endless("", "HTTP/1.1 103 Early Hints\r\n\r\n").kind, failure_kind::protocol);
}

TEST_F(hostile_servers, a_header_that_drips_is_a_timeout) {
  auto options = impatient();
  options.total_timeout = 50ms;
  const auto failed = failure_with(
      [](peer& client, int) {
        client.read_request();
        client.send("HTTP/1.1 200 OK\r\nX: ");
        client.wait_until_closed();
      },
      options);
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("in the middle of the response's header"));
}

TEST_F(hostile_servers, trailers_are_kept_apart) {
  scripted_server server(always(chunked("5\r\nhello\r\n0\r\nDigest: abc\r\nConnection: close\r\n\r\n")));
  asio::io_context loop(1);
  const fanout::http::client client;
  for (int i = 0; i < 2; ++i) {
    const auto answer = get_on(loop, client, server.url());
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.trailers["digest"], "abc");
    EXPECT_FALSE(answer.headers.contains("Digest"));
  }
  EXPECT_EQ(server.connections(), 1) << "a trailer says nothing about the connection";
}

}  // namespace
