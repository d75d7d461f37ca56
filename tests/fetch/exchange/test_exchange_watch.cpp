#include <fanout/http/response.hpp>

#include "fetch/exchange/exchange_watch.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
namespace http = fanout::http;
using ::testing::HasSubstr;
using ::testing::Not;

http::response answer(int status, http::headers headers = {}) {
  http::response made;
  made.status = status;
  made.reason = "Why";
  made.headers = std::move(headers);
  return made;
}

settings all_kept() {
  settings how;
  how.keep_trace = how.keep_heads = true;
  return how;
}

TEST(exchange_watch, messages_as_a_text) {
  exchange_watch watch(all_kept());
  watch.on_request({"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "127.0.0.1:80", false, "TLSv1.3 / X"});
  watch.on_response(answer(302, {{"Location", "/\x1b[2J"}}));
  watch.on_request({"GET /b HTTP/1.1\r\n\r\n", "127.0.0.1:80", true});
  watch.on_response(answer(200));
  watch.end("", 5, 1'000'000);
  EXPECT_THAT(watch.trace(),
              HasSubstr("* Connected to 127.0.0.1:80\n* TLSv1.3 / X\n> GET / HTTP/1.1\n> Host: a\n> \n"));
  EXPECT_THAT(watch.trace(), HasSubstr("< HTTP/1.1 302 Why\n< Location: /\\x1b[2J\n< \n* Re-using the connection to"))
      << "fit for a terminal";
  EXPECT_THAT(watch.trace(), HasSubstr("* 5 bytes of body"));
  EXPECT_EQ(watch.heads(), "HTTP/1.1 302 Why\r\nLocation: /\x1b[2J\r\n\r\nHTTP/1.1 200 Why\r\n\r\n") << "as it came";
  EXPECT_EQ(watch.sent_heads(), "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
}

TEST(exchange_watch, attempts_and_remarks) {
  exchange_watch watch(all_kept());
  watch.on_lookup("a.test");
  watch.on_attempt("127.0.0.2:80");
  watch.on_failed_attempt("127.0.0.2:80", "Connection refused");
  watch.remark("Trying again");
  EXPECT_EQ(watch.trace(),
            "* Looking up a.test\n* Trying 127.0.0.2:80\n* No connection to 127.0.0.2:80: Connection refused\n"
            "* Trying again\n");
}

TEST(exchange_watch, what_is_shown_at_once_is_not_kept) {
  settings how;
  how.show_trace = true;
  EXPECT_TRUE(exchange_watch::wanted(how));
  exchange_watch watch(how);
  ::testing::internal::CaptureStderr();
  watch.on_request({"GET / HTTP/1.1\r\n\r\n", "127.0.0.1:80", false});
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "* Connected to 127.0.0.1:80\n> GET / HTTP/1.1\n> \n");
  EXPECT_EQ(watch.trace(), "");
}

TEST(exchange_watch, lines_of_several_have_numbers_and_times) {
  settings how;
  how.show_trace = how.number_trace = how.time_trace = true;
  exchange_watch watch(how, 7);
  ::testing::internal::CaptureStderr();
  watch.on_request({"GET / HTTP/1.1\r\n\r\n", "127.0.0.1:80", false});
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              ::testing::MatchesRegex("\\[7\\] [0-9:.]+ \\* Connected to 127.0.0.1:80\n"
                                      "\\[7\\] [0-9:.]+ > GET / HTTP/1.1\n\\[7\\] [0-9:.]+ > \n"));
}

TEST(exchange_watch, what_is_kept_of_a_request_is_bounded) {
  record before;
  before.trace = "* of the try before\n";
  exchange_watch watch(all_kept(), 0, std::move(before));
  for (int i = 0; i < 100; ++i) watch.on_response(answer(302, {{"Location", std::string(10'000, 'x')}}));
  watch.end("", 5, 1);
  EXPECT_TRUE(watch.trace().starts_with("* of the try before\n"));
  EXPECT_LT(watch.trace().size(), 257u * 1024);
  EXPECT_THAT(watch.trace(), ::testing::ContainsRegex("\n\\* [0-9]+ bytes more of this exchange are not shown\n"));
}

TEST(exchange_watch, all_bytes_go_to_the_file_of_the_trace) {
  const fanout_test::temporary_directory directory;
  settings how;
  how.trace_file = directory / "trace";
  EXPECT_TRUE(exchange_watch::wanted(how));
  exchange_watch watch(how);
  watch.on_request({"POST / HTTP/1.1\r\nA: b\r\n\r\n", "127.0.0.1:80", false});
  watch.on_sent_body("a=1");
  watch.on_response(answer(200));
  watch.on_body("x\ny");
  watch.on_body("");
  const std::string text = fanout_test::read_file(directory / "trace");
  EXPECT_TRUE(
      text.starts_with("== Info: Connected to 127.0.0.1:80\n=> Send header, 25 bytes (0x19)\n0000: POST / HTTP/1.1\n"
                       "0011: A: b\n0017: \n=> Send data, 3 bytes (0x3)\n0000: a=1\n"))
      << text;
  EXPECT_TRUE(
      text.ends_with("<= Recv header, 18 bytes (0x12)\n0000: HTTP/1.1 200 Why\n<= Recv header, 2 bytes (0x2)\n"
                     "0000: \n<= Recv data, 3 bytes (0x3)\n0000: x.y\n"))
      << text;
  EXPECT_EQ(watch.trace(), "");
}

TEST(exchange_watch, nothing_is_kept_unless_it_is_wanted) {
  exchange_watch watch{settings{}};
  watch.on_request({"GET / HTTP/1.1\r\n\r\n", "a", false});
  watch.on_response(answer(200));
  watch.end("why", 5, 1);
  EXPECT_EQ(watch.trace() + watch.heads() + watch.sent_heads(), "");
  EXPECT_FALSE(exchange_watch::wanted({}));
}

TEST(exchange_watch, connections_that_turned_out_closed) {
  exchange_watch watch{settings{}};
  EXPECT_FALSE(watch.lost_on_kept_connection());
  watch.on_request({"", "a", false});
  EXPECT_FALSE(watch.lost_on_kept_connection());
  watch.on_request({"", "a", true});
  EXPECT_TRUE(watch.lost_on_kept_connection());
  watch.on_response(answer(200));
  EXPECT_FALSE(watch.lost_on_kept_connection());
}

TEST(exchange_watch, when_to_come_again) {
  const auto asked = [](const char* value) {
    exchange_watch watch{settings{}};
    watch.on_response(answer(503, {{"Retry-After", value}}));
    return watch.retry_after();
  };
  EXPECT_EQ(asked("120"), std::chrono::seconds(120));
  EXPECT_EQ(asked("Sun, 06 Nov 1994 08:49:37 GMT"), std::chrono::seconds(0));
  EXPECT_GT(asked("Fri, 01 Jan 2100 00:00:00 GMT"), std::chrono::seconds(0));
  EXPECT_EQ(asked("soon"), std::nullopt);
  EXPECT_EQ(asked("-1"), std::nullopt);
  EXPECT_EQ(asked(""), std::nullopt);
}

}  // namespace
