// Requests and responses over HTTP/2, with servers that answer frame by frame.
#include "http/any_stream.hpp"
#include "http/certificates.hpp"
#include "http/h2/h2_stream.hpp"
#include "http/h2_frames.hpp"
#include "http/support.hpp"

#include <chrono>
#include <thread>

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::http::body_source;
using fanout::http::client_options;
using fanout::http::http_version;
using fanout::http::http_versions;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;

class h2_stream : public http_test {
 protected:
  h2_stream() { options_.http_version = http_versions::http_2_prior_knowledge; }
  fanout::http::response send(request what) {
    asio::io_context loop(1);
    return run_on(loop, client(options_).send(std::move(what)));
  }
  client_options options_;
};

/// Reads a body piece by piece; returns its size.
fanout::task<std::size_t> size_read(client through, std::string from) {
  request what;
  what.url = url(from);
  auto opening = through.open(std::move(what));
  auto body = co_await std::move(opening);
  for (std::size_t whole = 0;;) {
    auto reading = body.read_some();
    const std::string piece = co_await std::move(reading);
    if (piece.empty()) co_return whole;
    EXPECT_LE(piece.size(), 16u << 20);
    whole += piece.size();
  }
}

TEST_F(h2_stream, interim_responses_are_skipped_and_trailers_kept_apart) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_field(":status", "103") + h2_field("link", "x")) +
            h2_headers(stream, h2_status_200 + h2_field("kept", " blanks off ")) + h2_data(stream, "hel") +
            h2_data(stream, "lo") + h2_headers(stream, h2_field("checksum", "1"), h2_flag::end_stream));
  }));
  const auto answer = fetch(server.url(), options_);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.version, http_version::v2);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.headers.size(), 1u);
  EXPECT_EQ(answer.headers["kept"], "blanks off");
  EXPECT_EQ(answer.trailers["checksum"], "1");
}

TEST_F(h2_stream, head_has_a_length_and_no_body) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_status_200 + h2_field("content-length", "100"), h2_flag::end_stream));
  }));
  request what;
  what.method = "HEAD";
  what.url = url(server.url());
  EXPECT_EQ(send(what).headers["content-length"], "100");
}

// What the server was sent: the bytes of DATA, then the answer.
scripted_server::script echo(std::uint32_t window = 65'535) {
  return h2_server(
      [](peer& to, std::uint32_t stream, int) {
        std::string body;
        for (;;) {
          const h2_received frame = h2_read(to);
          if (frame.type == 0xff) return;
          if (frame.type != h2_type::data) continue;
          body += frame.payload;
          to.send(h2_frame(h2_type::window_update, 0, 0, big_endian(frame.payload.size() + 1, 4)) +
                  h2_frame(h2_type::window_update, 0, stream, big_endian(frame.payload.size() + 1, 4)));
          if ((frame.flags & h2_flag::end_stream) != 0) break;
        }
        to.send(h2_answer(stream, std::to_string(body.size()) + ":" + body.substr(0, 3)));
      },
      h2_setting(4, window));
}

TEST_F(h2_stream, bodies_of_any_size_pass_through_small_windows) {
  for (const std::uint32_t window : {1u, 100u, 65'535u})
    for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, std::size_t{300'000}}) {
      if (window == 1 && size > 5000) continue;
      scripted_server server(echo(window));
      request what;
      what.method = "POST";
      what.url = url(server.url());
      what.body = std::string(size, 'x');
      EXPECT_THAT(send(what).body, testing::StartsWith(std::to_string(size) + ":x")) << window;
    }
}

fanout::task<std::string> next_piece(std::shared_ptr<int> left) {
  if ((*left)-- <= 0) co_return std::string{};
  co_return std::string(777, 'g');
}

TEST_F(h2_stream, bodies_that_are_generated_are_pulled_as_the_window_allows) {
  scripted_server server(echo(1000));
  request what;
  what.method = "PUT";
  what.url = url(server.url());
  what.body_from = body_source::generated(
      [] {
        const auto left = std::make_shared<int>(20);
        return [left] { return next_piece(left); };
      },
      std::nullopt);
  EXPECT_EQ(send(what).body, "15540:ggg");
}

TEST_F(h2_stream, a_body_waits_for_the_servers_100) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_field(":status", "100")));
    while (h2_read(to).type != h2_type::data) continue;
    to.send(h2_answer(stream, "taken"));
  }));
  request what;
  what.method = "POST";
  what.url = url(server.url());
  what.body = "hello";
  what.expect_continue = true;
  options_.continue_timeout = 1h;
  EXPECT_EQ(send(what).body, "taken");
}

TEST_F(h2_stream, an_answer_before_the_whole_request_counts_and_the_connection_stays) {
  scripted_server server(
      h2_server([](peer& to, std::uint32_t stream,
                   int) { to.send(h2_headers(stream, h2_field(":status", "413"), h2_flag::end_stream)); },
                h2_setting(4, 10)));
  request what;
  what.method = "POST";
  what.url = url(server.url());
  what.body = std::string(1000, 'x');
  asio::io_context loop(1);
  const client through(options_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run_on(loop, through.send(what)).status, 413);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(h2_stream, a_post_above_goaways_last_is_sent_again) {
  std::atomic<int> seen{0};
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int) {
    if (seen++ == 0)
      to.send(h2_goaway(0, 0));
    else
      to.send(h2_answer(stream, "second"));
  }));
  request what;
  what.method = "POST";
  what.url = url(server.url());
  what.body = "hello";
  EXPECT_EQ(send(what).body, "second");
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(h2_stream, a_post_that_was_under_way_is_not) {
  scripted_server closes([](peer& with, int) {
    if (h2_greet(with)) h2_next_request(with);
  });
  request what;
  what.method = "POST";
  what.url = url(closes.url());
  what.body = "hello";
  // The system resets a connection that is closed before all that came was read.
  EXPECT_THAT(failure_of([&] { send(what); }).message,
              testing::AnyOf(HasSubstr("closed the connection"), HasSubstr("Connection reset by peer")));
  EXPECT_EQ(closes.connections(), 1);
}

TEST_F(h2_stream, http_1_1_required_goes_to_another_version_and_is_remembered) {
  const issuer trusted;
  const auto tls = trusted.server();
  SSL_CTX_set_alpn_select_cb(
      tls.get(),
      [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned, void*) {
        *out = in + 1;  // whatever the client likes best
        *size = in[0];
        return SSL_TLSEXT_ERR_OK;
      },
      nullptr);
  scripted_server server(
      [](peer& with, int number) {
        if (number > 0) {
          while (!with.read_request().empty()) with.send(ok("old"));
        } else if (h2_greet(with)) {
          with.send(h2_reset(h2_next_request(with), 13));
          with.wait_until_closed();
        }
      },
      tls.get());
  options_.http_version = http_versions::http_2;
  options_.ca_file = trusted.ca_file();
  asio::io_context loop(1);
  const client through(options_);
  for (int i = 0; i < 2; ++i) {
    const auto answer = get_on(loop, through, server.url());
    EXPECT_EQ(answer.body, "old");
    EXPECT_EQ(answer.version, http_version::v1_1);
  }
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(h2_stream, a_body_is_read_bit_by_bit_with_credit_as_it_is_taken) {
  const std::string text(5 << 20, 'z');
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int) {
    std::string all = h2_headers(stream, h2_status_200);
    to.send(all);
    std::size_t credit = fanout::http::h2_window::initial, sent = 0;  // the stream's window, as the client sets it
    while (sent < text.size()) {
      if (credit == 0) {
        const h2_received frame = h2_read(to);
        if (frame.type == 0xff) return;
        if (frame.type == h2_type::window_update && frame.stream == stream)
          for (const char c : frame.payload) credit = (credit << 8 | static_cast<unsigned char>(c)) & 0x7fffffff;
        continue;
      }
      const std::size_t part = std::min({credit, text.size() - sent, std::size_t{16'384}});
      to.send(h2_data(stream, std::string_view(text).substr(sent, part)));
      sent += part;
      credit -= part;
    }
    to.send(h2_data(stream, "", h2_flag::end_stream));
  }));
  asio::io_context loop(1);
  EXPECT_EQ(run_on(loop, size_read(client(options_), server.url())), text.size());
}

// A server whose answer to a PING comes after four windows of DATA, as that of one far away does, is given credit for
// more than one window. What came between the two is bandwidth times delay, however slow the machine is.
TEST_F(h2_stream, a_far_server_is_given_more_credit_as_it_is_used) {
  constexpr std::size_t window = fanout::http::h2_window::initial;
  std::size_t most = 0;
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_status_200));
    std::size_t credit = window, sent = 0, answer_at = 0;
    std::string answer;
    const std::string piece(10'000, 'z');        // no divisor of the window, so that some credit is always left
    while (most <= window && sent < 1u << 29) {  // below the client's limit
      for (; credit >= piece.size(); credit -= piece.size(), sent += piece.size())
        to.send((sent >= answer_at ? std::exchange(answer, {}) : std::string()) + h2_data(stream, piece));
      const h2_received frame = h2_read(to);
      if (frame.type == 0xff) return;
      if (frame.type == h2_type::ping && (frame.flags & h2_flag::ack) == 0) {
        std::this_thread::sleep_for(fanout::http::h2_window::shortest_round);
        answer = h2_frame(h2_type::ping, h2_flag::ack, 0, frame.payload);
        answer_at = sent + 4 * window;
      } else if (frame.type == h2_type::window_update && frame.stream == stream) {
        std::size_t more = 0;
        for (const char c : frame.payload) more = (more << 8 | static_cast<unsigned char>(c)) & 0x7fffffff;
        most = std::max(most, credit += more);
      }
    }
    to.send(answer + h2_data(stream, "", h2_flag::end_stream));
  }));
  asio::io_context loop(1);
  EXPECT_GT(run_on(loop, size_read(client(options_), server.url())), 0u);
  EXPECT_GT(most, window);  // how far it grows: test_h2_window
}

// Each piece is its reader's until the next one is asked for, whatever comes meanwhile.
TEST_F(h2_stream, a_piece_stays_as_it_is_while_more_comes) {
  const std::string more(200'000, 'm');
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int count) {
    if (count == 0) return static_cast<void>(to.send(h2_headers(stream, h2_status_200) + h2_data(stream, "first")));
    std::string all;
    for (std::size_t at = 0; at < more.size(); at += 10'000) all += h2_data(1, more.substr(at, 10'000));
    to.send(all + h2_data(1, "", h2_flag::end_stream) + h2_answer(stream, "other"));
  }));
  const auto read = [](client through, std::string from) -> fanout::task<std::string> {
    request what;
    what.url = url(from);
    auto opening = through.open(std::move(what));
    auto body = co_await std::move(opening);
    auto reading = body.next_piece();
    const std::string_view piece = co_await std::move(reading);
    auto getting = through.get(from);
    EXPECT_EQ((co_await std::move(getting)).body, "other");
    std::string all(piece);
    for (;;) {
      auto going_on = body.next_piece();
      const std::string_view next = co_await std::move(going_on);
      if (next.empty()) co_return all;
      all += next;
    }
  };
  asio::io_context loop(1);
  EXPECT_TRUE(run_on(loop, read(client(options_), server.url())) == "first" + more);
}

// The bytes that came before a stream was lost are read before its failure, even when both came at once.
TEST_F(h2_stream, what_came_before_the_loss_is_read_first) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_status_200) + h2_data(stream, "half") + h2_reset(stream, 2));
  }));
  const auto read = [](client through, std::string from) -> fanout::task<std::string> {
    request what;
    what.url = url(from);
    auto opening = through.open(std::move(what));
    auto body = co_await std::move(opening);
    auto reading = body.read_some();
    const std::string half = co_await std::move(reading);
    try {
      auto rest = body.read_some();
      co_await std::move(rest);
    } catch (const fanout::error& lost) {
      EXPECT_THAT(lost.what(), HasSubstr("INTERNAL_ERROR after 4 bytes"));
      co_return half;
    }
    co_return "it did not end";
  };
  asio::io_context loop(1);
  EXPECT_EQ(run_on(loop, read(client(options_), server.url())), "half");
}

TEST_F(h2_stream, a_redirect_is_followed_on_the_same_connection) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int count) {
    if (count == 0)
      to.send(h2_headers(stream, h2_field(":status", "302") + h2_field("location", "/to")) +
              h2_data(stream, "bye", h2_flag::end_stream));
    else
      to.send(h2_answer(stream, "hello"));
  }));
  const auto answer = fetch(server.url(), options_);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.measured.redirects, 1);
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
