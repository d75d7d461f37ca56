// Bodies from files and coroutines.
#include "http/support.hpp"
#include "support/nginx.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::body_pieces;
using fanout::http::body_source;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

fanout::task<std::string> piece_of(std::shared_ptr<std::size_t> turn, std::vector<std::string> pieces) {
  const auto executor = co_await asio::this_coro::executor;
  co_await asio::post(executor, asio::use_awaitable);  // as one that waits
  co_return *turn < pieces.size() ? pieces[(*turn)++] : std::string();
}

// Ever the same pieces, from the first.
body_pieces from(std::vector<std::string> pieces) {
  auto turn = std::make_shared<std::size_t>(0);
  return [turn, pieces] { return piece_of(turn, pieces); };
}

request post(const std::string& to, body_source body) {
  request what;
  what.method = "PUT";
  what.url = url(to);
  what.body_from = std::move(body);
  return what;
}

fanout::http::response send_on(asio::io_context& loop, request what, client_options options = {}) {
  return run_on(loop, client(std::move(options)).send(std::move(what)));
}

class request_bodies : public each_version {
 protected:
  void TearDown() override {
    owned_.reset();  // with its connections
    each_version::TearDown();
  }
  std::unique_ptr<asio::io_context> owned_ = std::make_unique<asio::io_context>(1);
  asio::io_context& loop_ = *owned_;
};

// nginx stores what it is sent, so what arrived is what is fetched.
TEST_P(request_bodies, arrive_at_nginx_from_everywhere) {
  const temporary_directory root;
  const nginx server(root.path(),
                     std::string(over_h2() ? "http2 on;" : "") + "  dav_methods PUT; client_max_body_size 0;\n");
  std::string bytes;
  for (int i = 0; i < 300'000; ++i) bytes += static_cast<char>('a' + i % 23);
  const std::string file = root.write("original", bytes);
  const std::vector<std::string> pieces{bytes.substr(0, 1), bytes.substr(1, 99'999), bytes.substr(100'000)};
  int number = 0;
  for (const bool asks : {false, true})
    for (const auto& source : {body_source::file(file), body_source::generated([&] { return from(pieces); }),
                               body_source::generated([&] { return from(pieces); }, bytes.size()),
                               body_source::once(from(pieces)), body_source()}) {
      const std::string path = "/stored" + std::to_string(number++);
      request what = post(server.url(path), source);
      if (source.empty()) what.body = bytes;
      what.expect_continue = asks;
      EXPECT_EQ(send_on(loop_, std::move(what)).status, 201) << path;
      EXPECT_EQ(get_on(loop_, client(), server.url(path)).body, bytes) << path;
    }
  EXPECT_EQ(send_on(loop_, post(server.url("/empty"), body_source::once(from({})))).status, 201);
  EXPECT_EQ(get_on(loop_, client(), server.url("/empty")).body, "");
}

TEST_P(request_bodies, are_announced_and_framed) {
  std::string seen;
  scripted_server server([&](peer& client, int) {
    seen = client.read_until("0\r\n\r\n");
    client.send(ok("done"));
  });
  EXPECT_EQ(send_on(loop_, post(server.url(), body_source::once(from({"hello", ", world"})))).body, "done");
  EXPECT_THAT(seen, EndsWith("\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"));
  EXPECT_THAT(seen, Not(HasSubstr("Content-Length")));
}

TEST_P(request_bodies, that_cannot_be_had_or_are_not_as_long_as_announced_are_refused) {
  scripted_server server([&](peer& client, int) { client.wait_until_closed(); });
  const temporary_directory root;
  const auto failure_with = [&](body_source body) {
    return failure_of([&] { send_on(loop_, post(server.url(), std::move(body))); });
  };
  for (const auto& path : {root / "absent", root.path()}) {
    const auto failed = failure_with(body_source::file(path));
    EXPECT_EQ(failed.kind, failure_kind::invalid_request);
    EXPECT_THAT(failed.message, HasSubstr(path));
  }
  for (const std::uint64_t length : {4, 6}) {
    const auto failed = failure_with(body_source::once(from({"hello"}), length));
    EXPECT_EQ(failed.kind, failure_kind::invalid_request);
    EXPECT_THAT(failed.message, HasSubstr("where its length is"));
  }
  request both = post(server.url(), body_source::once(from({"hello"})));
  both.body = "hello";
  EXPECT_EQ(failure_of([&] { send_on(loop_, both); }).kind, failure_kind::invalid_request);
  request contradicted = post(server.url(), body_source::once(from({"hello"})));
  contradicted.headers.add("Content-Length", "5");
  EXPECT_EQ(failure_of([&] { send_on(loop_, contradicted); }).kind, failure_kind::invalid_request);
  const auto thrown = [&] {
    send_on(loop_, post(server.url(), body_source::once([]() -> fanout::task<std::string> {
                          throw std::runtime_error("the source dried up");
                        })));
  };
  EXPECT_THROW(thrown(), std::runtime_error);
}

TEST_P(request_bodies, follow_a_redirect_if_they_can_be_had_again) {
  std::vector<std::string> seen;
  scripted_server server([&](peer& client, int) {
    for (std::string got = client.read_until("0\r\n\r\n"); !got.empty(); got = client.read_until("0\r\n\r\n")) {
      seen.push_back(got);
      client.send(seen.size() == 1 ? "HTTP/1.1 307 There\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
                                   : ok("done"));
    }
  });
  const auto again = body_source::generated([] { return from({"hello"}); });
  EXPECT_EQ(send_on(loop_, post(server.url(), again)).body, "done");
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_THAT(seen[1], EndsWith("5\r\nhello\r\n0\r\n\r\n"));

  seen.clear();
  const auto failed = failure_of([&] { send_on(loop_, post(server.url(), body_source::once(from({"hello"})))); });
  EXPECT_EQ(failed.kind, failure_kind::refused_by_policy);
  EXPECT_THAT(failed.message, HasSubstr("can be had only once"));
}

TEST_P(request_bodies, are_sent_again_when_an_idle_connection_was_dead_if_they_can_be_had_again) {
  scripted_server server([&](peer& client, int number) {
    client.read_request();
    client.send(ok("first"));
    // Closes in answer to the second request, which the client takes for stale.
    if (number == 0) {
      client.read_until("0\r\n\r\n");
      return;
    }
    client.read_until("0\r\n\r\n");
    client.send(ok("second"));
  });
  get_on(loop_, client(), server.url());
  const auto failed = failure_of([&] { send_on(loop_, post(server.url(), body_source::once(from({"x"})))); });
  EXPECT_EQ(failed.kind, failure_kind::protocol);
  EXPECT_THAT(failed.message, HasSubstr("can be had only once"));
}

// The peer takes no more, and says why, and neither reads on nor closes.
TEST_P(request_bodies, end_when_the_server_has_answered) {
  scripted_server server([&](peer& client, int) {
    client.read_until("\r\n\r\n");
    client.send("HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge");
    client.wait_for_close_without_reading();
  });
  request what = post(server.url(), {});
  what.body.assign(64 << 20, 'x');
  const auto answer = send_on(loop_, std::move(what));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "large");
}

INSTANTIATE_TEST_SUITE_P(versions, request_bodies, both_versions(), name_of_version);

}  // namespace
