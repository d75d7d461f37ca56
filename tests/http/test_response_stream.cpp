// Responses whose bodies are read bit by bit.
#include <fanout/http/exchange_observer.hpp>

#include "http/coded.hpp"
#include "http/support.hpp"
#include "support/nginx.hpp"
#include "support/temporary_directory.hpp"

#include <atomic>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::exchange_observer;
using fanout::http::request;
using fanout::http::response;
using fanout::http::response_stream;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;

request asking_for(const std::string& from) {
  request what;
  what.url = url(from);
  return what;
}

struct whole {
  int status = 0;
  std::string body, trailer, address;
  std::size_t pieces = 0, largest = 0;
  std::uint64_t body_bytes = 0;
};

fanout::task<whole> read_in_pieces(client with, request what) {
  auto opening = with.open(std::move(what));
  response_stream stream = co_await std::move(opening);
  whole result;
  result.status = stream.status();
  EXPECT_EQ(stream.head().body, "");
  for (;;) {
    auto reading = stream.read_some();
    const std::string piece = co_await std::move(reading);
    if (piece.empty()) break;
    result.body += piece;
    result.largest = std::max(result.largest, piece.size());
    ++result.pieces;
  }
  result.trailer = stream.trailers()["t"];
  result.address = stream.head().url.str();
  result.body_bytes = stream.head().body_bytes;
  auto after = stream.read_some();
  EXPECT_EQ(co_await std::move(after), "") << "the end stays the end";
  co_return result;
}

fanout::task<std::string> read_into(client with, request what, std::size_t room) {
  auto opening = with.open(std::move(what));
  response_stream stream = co_await std::move(opening);
  std::string all, buffer(room, '\0');
  for (;;) {
    auto reading = stream.read_some(std::span(buffer));
    const std::size_t count = co_await std::move(reading);
    if (count == 0) co_return all;
    all.append(buffer, 0, count);
  }
}

fanout::task<std::string> read_views(client with, request what) {
  auto opening = with.open(std::move(what));
  response_stream stream = co_await std::move(opening);
  std::string all, buffer(3, '\0');
  auto beginning = stream.read_some(std::span(buffer));
  all.append(buffer, 0, co_await std::move(beginning));
  for (;;) {
    auto reading = stream.next_piece();  // goes on behind what was read
    const std::string_view piece = co_await std::move(reading);
    if (piece.empty()) co_return all;
    all += piece;
  }
}

/// `got` keeps what was read before it fails.
fanout::task<int> read_onto(std::string& got, client with, request what) {
  auto opening = with.open(std::move(what));
  response_stream stream = co_await std::move(opening);
  for (;;) {
    auto reading = stream.next_piece();
    const std::string_view piece = co_await std::move(reading);
    if (piece.empty()) co_return stream.head().status;
    got += piece;
  }
}

class response_streams : public each_version {
 protected:
  void TearDown() override {
    owned_.reset();  // with its connections
    each_version::TearDown();
  }
  std::unique_ptr<asio::io_context> owned_ = std::make_unique<asio::io_context>(1);
  asio::io_context& loop_ = *owned_;
};

TEST_P(response_streams, bodies_however_they_are_delimited) {
  const std::string plain(100'000, 'x');
  for (const std::string& bytes :
       {ok(plain), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(plain) + "0\r\nT: v\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + plain}) {
    const bool closes = bytes.find("close") != bytes.npos;
    scripted_server server([&](peer& client, int) {
      while (!client.read_request().empty() && client.send(bytes) && !closes) {
      }
    });
    for (int i = 0; i < 2; ++i) {
      const auto got = run_on(loop_, read_in_pieces(client(), asking_for(server.url())));
      EXPECT_EQ(got.status, 200);
      EXPECT_EQ(got.body, plain);
      EXPECT_EQ(got.body_bytes, plain.size());
      EXPECT_EQ(got.trailer, bytes.find("T: v") == bytes.npos ? "" : "v");
    }
    EXPECT_EQ(server.connections(), closes ? 2 : 1) << "a body read to its end leaves the connection";
    EXPECT_EQ(run_on(loop_, read_into(client(), asking_for(server.url()), 7)), plain);
    EXPECT_EQ(run_on(loop_, read_views(client(), asking_for(server.url()))), plain);
  }
}

TEST_P(response_streams, are_empty_without_a_body_and_follow_redirects) {
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nover");
    client.read_request();
    client.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  const auto got = run_on(loop_, read_in_pieces(client(), asking_for(server.url())));
  EXPECT_EQ(got.status, 204);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(got.address, server.url("/there"));
}

class seen_bodies final : public exchange_observer {
 public:
  void on_request(const fanout::http::sent_request&) override {}
  void on_response(const response& head) override { bodies.push_back(head.body_cut ? "cut" : head.body); }
  std::vector<std::string> bodies;
};

TEST_P(response_streams, show_an_observer_the_bodies_of_redirects_that_are_kept) {
  for (const std::size_t size : {4UL, 64UL * 1024}) {  // the most that is read of a redirect
    const std::string body(size, 'o');
    scripted_server server([&](peer& client, int) {
      client.read_request();
      client.send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
                  body);
      client.read_request();
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage");
    });
    client_options options;
    options.keep_redirect_bodies = true;
    seen_bodies seen;
    request what = asking_for(server.url());
    what.observer = &seen;
    const auto got = run_on(loop_, read_in_pieces(client(options), what));
    EXPECT_EQ(got.body, "page");
    EXPECT_EQ(seen.bodies, (std::vector<std::string>{body, ""}));
    EXPECT_EQ(server.connections(), 1) << "the connection is used again";
  }
}

TEST_P(response_streams, decode_in_bounded_memory) {
  std::string plain(30 << 20, 'x');
  for (std::size_t i = 0; i < plain.size(); i += 1000) plain[i] = static_cast<char>('a' + i / 1000 % 26);
  client_options options;
  options.max_decoding_ratio = 0;
  for (const char* coding : {"gzip", "br", "zstd"}) {
    const std::string packed = coded(plain, coding);
    scripted_server server(always("HTTP/1.1 200 OK\r\nContent-Encoding: " + std::string(coding) +
                                  "\r\nContent-Length: " + std::to_string(packed.size()) + "\r\n\r\n" + packed));
    const auto got = run_on(loop_, read_in_pieces(client(options), asking_for(server.url())));
    EXPECT_TRUE(got.body == plain) << coding;
    EXPECT_LT(got.largest, (over_h2() ? 256u : 128u) * 1024) << coding;
  }
}

TEST_P(response_streams, of_nginx) {
  const temporary_directory root;
  std::string plain;
  for (int i = 0; i < 500'000; ++i) plain += std::to_string(i);
  root.write("page.html", plain);
  for (const char* more : {"", "  gzip on;\n"}) {
    const nginx server(root.path(), std::string(over_h2() ? "http2 on;" : "") + more);
    const auto got = run_on(loop_, read_in_pieces(client(), asking_for(server.url("/page.html"))));
    EXPECT_TRUE(got.body == plain);
    EXPECT_GT(got.pieces, over_h2() ? 1u : 10u);
  }
}

// The sender gets no further than the buffers in between while nobody reads.
fanout::task<std::uint64_t> open_and_wait(client with, request what, const std::atomic<bool>& stuck) {
  auto opening = with.open(std::move(what));
  response_stream stream = co_await std::move(opening);
  stuck.wait(false);
  co_return stream.head().measured.bytes_received;
}

TEST_P(response_streams, that_nobody_reads_hold_up_the_sender) {
  if (over_h2()) GTEST_SKIP() << "there its window does, not the socket: see test_h2_stream.cpp";
  std::atomic<bool> stuck{false};
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\n\r\n");
    client.send_until_full(std::string(64 * 1024, 'x'));
    stuck = true;
    stuck.notify_all();
    client.wait_until_closed();
  });
  const auto received = run_on(loop_, open_and_wait(client(), asking_for(server.url()), stuck));
  EXPECT_LT(received, 256u * 1024);
}

TEST_P(response_streams, dropped_in_the_middle_close_the_connection) {
  if (over_h2()) GTEST_SKIP() << "there the connection stays: see test_h2_sharing.cpp";
  std::atomic<int> closed{0};
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome");
    client.wait_until_closed();
    ++closed;
    closed.notify_all();
  });
  std::atomic<bool> at_once{true};
  for (int i = 0; i < 3; ++i) run_on(loop_, open_and_wait(client(), asking_for(server.url()), at_once));
  for (int seen = closed; seen < 3; seen = closed) closed.wait(seen);
  EXPECT_EQ(server.connections(), 3);
}

TEST_P(response_streams, that_break_say_so_once_they_are_read_so_far) {
  for (const auto& [bytes, kind, message] : std::vector<std::tuple<std::string, failure_kind, const char*>>{
           {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", failure_kind::protocol, "after 5 of 10 bytes"},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", failure_kind::protocol,
            "RFC 9112 section 7.1"},
           {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b", failure_kind::protocol,
            "cut off"}}) {
    if (over_h2() && bytes.find("chunked") != bytes.npos) continue;
    scripted_server server([sent = bytes](peer& client, int) {
      client.read_request();
      client.send(sent);
    });
    const auto failed = failure_of([&] { run_on(loop_, read_in_pieces(client(), asking_for(server.url()))); });
    EXPECT_EQ(failed.kind, kind) << message;
    EXPECT_THAT(failed.message, HasSubstr(message));
  }
}

// However the network cut the bytes: here all of them come at once.
TEST_P(response_streams, give_what_came_before_they_broke) {
  client_options options;
  options.max_body_bytes = 8;
  for (const auto& [bytes, before, kind] : std::vector<std::tuple<std::string, std::string, failure_kind>>{
           {"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nhello", "hello", failure_kind::protocol},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "hello",
            failure_kind::protocol},
           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello wo",
            failure_kind::too_large},
           {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello world", "hello wo", failure_kind::too_large},
           {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", "", failure_kind::too_large}}) {
    if (over_h2() && bytes.find("zz") != bytes.npos) continue;
    scripted_server server([sent = bytes](peer& client, int) {
      client.read_request();
      client.send(sent);
    });
    std::string got;
    const auto failed = failure_of([&] { run_on(loop_, read_onto(got, client(options), asking_for(server.url()))); });
    EXPECT_EQ(failed.kind, kind) << bytes << failed.message;
    EXPECT_EQ(got, before) << bytes;
  }
}

TEST_P(response_streams, have_deadlines_while_they_are_read) {
  scripted_server server([&](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    client.wait_until_closed();
  });
  client_options options;
  options.idle_timeout = 50ms;
  const auto failed = failure_of([&] { run_on(loop_, read_in_pieces(client(options), asking_for(server.url()))); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("idle timeout"));
}

INSTANTIATE_TEST_SUITE_P(versions, response_streams, both_versions(), name_of_version);

}  // namespace
