// A stream of HTTP/1.1 on a pair of sockets, without an exchange around it: what it sends, what it waits for, and what
// it says of the session at the end.
#include <fanout/base/failure.hpp>

#include "http/h1/h1_stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout::http;
using testing::EndsWith;
using testing::HasSubstr;

fanout::task<std::string> last_of(std::vector<std::string>& pieces) {
  std::string last = std::move(pieces.back());
  pieces.pop_back();
  co_return last;
}

class h1_stream_test : public testing::Test {
 protected:
  h1_stream_test() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_ = fanout::detail::owned_descriptor(ends[1]);
    on_ = std::make_unique<connection>(polled_socket(state_.sockets(), fanout::detail::owned_descriptor(ends[0])));
    what_.url = url("http://here.test/page");
    limits_.begin(options_, std::chrono::steady_clock::now());
  }

  void begin(bool streaming = false, bool expect_continue = false) {
    body_.open(what_);
    stream_.prepare(what_, {options_, "tester", nullptr, expect_continue});
    stream_.begin(*on_, streaming);
  }
  std::string received() {
    char buffer[64 * 1024];
    const auto count = ::recv(peer_.value(), buffer, sizeof buffer, 0);
    return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
  }
  void answer(std::string_view bytes) {
    ASSERT_EQ(::send(peer_.value(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  void pull() {
    boost::asio::co_spawn(loop_, body_.pull(), boost::asio::detached);
    loop_.restart();
    loop_.run();
  }
  std::string failure_when_lost() {
    try {
      stream_.raise_lost("!");
    } catch (const fanout::error& thrown) {
      return thrown.what();
    }
  }

  boost::asio::io_context loop_{1};
  loop_state& state_ = loop_state::of(loop_.get_executor());
  client_options options_;
  request what_;
  outgoing_body body_;
  time_limits limits_;
  response answer_;
  fanout::detail::owned_descriptor peer_;
  std::unique_ptr<connection> on_;
  h1_stream stream_{state_, body_, limits_, answer_};
};

TEST_F(h1_stream_test, a_request_and_its_response) {
  begin();
  EXPECT_EQ(stream_.advance(), step::want_read);
  const std::string sent = received();
  EXPECT_TRUE(sent.starts_with("GET /page HTTP/1.1\r\nHost: here.test\r\n")) << sent;
  EXPECT_THAT(sent, HasSubstr("User-Agent: tester\r\n"));
  EXPECT_EQ(answer_.measured.bytes_sent, sent.size());
  EXPECT_FALSE(stream_.answered());

  answer("HTTP/1.1 200 OK\r\nContent-Le");
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_TRUE(stream_.answered());
  answer("ngth: 5\r\n\r\nhello");
  EXPECT_EQ(stream_.advance(), step::complete);
  EXPECT_TRUE(stream_.session_usable());
  EXPECT_EQ(answer_.body, "hello");

  begin();  // the same object, for the next request
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_EQ(received(), sent);
}

TEST_F(h1_stream_test, what_makes_a_session_unusable) {
  for (const char* const response :
       {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nunsolicited"}) {
    begin();
    EXPECT_EQ(stream_.advance(), step::want_read);
    answer(response);
    EXPECT_EQ(stream_.advance(), step::complete) << response;
    EXPECT_FALSE(stream_.session_usable()) << response;
    received();
  }
}

TEST_F(h1_stream_test, a_body_of_unknown_length_is_chunked) {
  std::vector<std::string> pieces{"", "world", "hello "};
  what_.method = "POST";
  what_.body_from = body_source::once([&pieces] { return last_of(pieces); });
  begin();
  std::string sent;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(stream_.advance(), step::want_body);
    pull();
  }
  EXPECT_EQ(stream_.advance(), step::want_read);
  sent = received();
  EXPECT_THAT(sent, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(sent, EndsWith("\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"));
}

TEST_F(h1_stream_test, a_body_is_held_back_until_the_server_says_100) {
  what_.method = "POST";
  what_.body = "body";
  begin(false, true);
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_TRUE(stream_.holds_body());
  EXPECT_THAT(received(), EndsWith("Expect: 100-continue\r\n\r\n"));
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_EQ(received(), "");
  answer("HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_FALSE(stream_.holds_body());
  EXPECT_EQ(received(), "body");
}

TEST_F(h1_stream_test, or_until_it_has_waited_long_enough) {
  what_.method = "POST";
  what_.body = "body";
  begin(false, true);
  EXPECT_EQ(stream_.advance(), step::want_read);
  received();
  stream_.send_body();
  EXPECT_EQ(stream_.advance(), step::want_read);
  EXPECT_EQ(received(), "body");
}

TEST_F(h1_stream_test, a_final_answer_instead_keeps_the_body_here) {
  what_.method = "POST";
  what_.body = "body";
  begin(false, true);
  EXPECT_EQ(stream_.advance(), step::want_read);
  received();
  answer("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(stream_.advance(), step::complete);
  EXPECT_TRUE(stream_.holds_body());
  EXPECT_EQ(stream_.status(), 417);
  EXPECT_FALSE(stream_.session_usable()) << "the server waits for a body, or not: who knows";
  EXPECT_EQ(received(), "");
}

TEST_F(h1_stream_test, a_session_that_ends_first_is_lost) {
  begin();
  EXPECT_EQ(stream_.advance(), step::want_read);
  received();
  peer_.reset();
  EXPECT_EQ(stream_.advance(), step::lost);
  EXPECT_FALSE(stream_.answered());
  EXPECT_THAT(failure_when_lost(), HasSubstr("here.test:80"));
  EXPECT_THAT(failure_when_lost(), EndsWith("closed the connection before the first byte of the response!"));
}

TEST_F(h1_stream_test, a_streamed_response_comes_bit_by_bit) {
  begin(true);
  EXPECT_EQ(stream_.advance(), step::want_read);
  answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  EXPECT_EQ(stream_.advance(), step::header);
  EXPECT_EQ(stream_.take_head().status, 200);
  EXPECT_EQ(stream_.body(), "hello");
  stream_.body().clear();
  EXPECT_EQ(stream_.advance_body(), step::want_read);
  answer("5\r\nworld\r\n0\r\nLast: yes\r\n\r\n");
  EXPECT_EQ(stream_.advance_body(), step::complete);
  EXPECT_EQ(stream_.body(), "world");
  EXPECT_TRUE(stream_.exhausted());
  response head;
  stream_.finish(head);
  EXPECT_EQ(head.body_bytes, 10u);
  EXPECT_EQ(head.trailers["last"], "yes");
  EXPECT_TRUE(stream_.session_usable());
}

}  // namespace
