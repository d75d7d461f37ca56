// Many exchanges on one connection of HTTP/2: what one of them does, or has done to it, harms no other.
#include <fanout/origin/background.hpp>

#include "http/h2/h2_session.hpp"
#include "http/h2_frames.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <deque>
#include <random>
#include <vector>

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::http::client_options;
using fanout::http::http_versions;
using fanout::http::loop_state;
using fanout::http::request;
using fanout::http::response_stream;
using fanout::http::url;
using fanout_test::by_version::client;

class h2_sharing : public http_test {
 protected:
  h2_sharing() { options_.http_version = http_versions::http_2_prior_knowledge; }
  ~h2_sharing() override {
    fanout::http::h2_session::trusted_for = 5s;
    fanout::http::h2_session::answer_within = 2s;
  }
  static loop_state& state_of(asio::io_context& loop) { return loop_state::of(loop.get_executor()); }

  client_options options_;
};

TEST_F(h2_sharing, a_misdirected_request_gets_one_fresh_connection) {
  scripted_server server([](peer& to, int number) {
    if (!h2_greet(to)) return;
    for (std::uint32_t stream, count = 0; (stream = h2_next_request(to)) != 0; ++count)
      to.send(number == 0 && count > 0 ? h2_headers(stream, h2_field(":status", "421"), h2_flag::end_stream)
                                       : h2_answer(stream, std::to_string(number)));
  });
  asio::io_context loop(1);
  const client through(options_);
  EXPECT_EQ(get_on(loop, through, server.url()).body, "0");
  EXPECT_EQ(get_on(loop, through, server.url()).body, "1");
  EXPECT_EQ(server.connections(), 2);

  scripted_server never_right(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_field(":status", "421"), h2_flag::end_stream));
  }));
  EXPECT_EQ(get_on(loop, through, never_right.url()).status, 421);
  EXPECT_EQ(never_right.connections(), 1) << "on a fresh connection it is the answer";
}

// The server's word on a connection that was quiet is awaited before a request goes out.
TEST_F(h2_sharing, a_quiet_connection_is_asked_before_it_is_trusted) {
  fanout::http::h2_session::trusted_for = 0ms;
  std::string order;
  scripted_server server([&](peer& to, int) {
    if (!h2_greet(to)) return;
    for (;;) {
      const h2_received frame = h2_read(to);
      if (frame.type == 0xff) return;
      if (frame.type == h2_type::ping && (frame.flags & h2_flag::ack) == 0) {
        order += 'p';
        to.send(h2_frame(h2_type::ping, h2_flag::ack, 0, frame.payload));
      } else if (frame.type == h2_type::headers) {
        order += 'r';
        to.send(h2_answer(frame.stream, "hello"));
      }
    }
  });
  asio::io_context loop(1);
  const client through(options_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get_on(loop, through, server.url()).body, "hello");
  EXPECT_EQ(server.connections(), 1);
  EXPECT_EQ(order, "rprpr");
}

TEST_F(h2_sharing, a_quiet_connection_that_does_not_answer_costs_no_request) {
  fanout::http::h2_session::trusted_for = 0ms;
  fanout::http::h2_session::answer_within = 20ms;
  std::atomic<int> requests{0};
  scripted_server server([&](peer& to, int) {
    if (!h2_greet(to)) return;
    const std::uint32_t stream = h2_next_request(to);
    ++requests;
    to.send(h2_answer(stream, "hello"));
    if (h2_next_request(to) != 0) ++requests;  // nor does it answer a PING
  });
  asio::io_context loop(1);
  const client through(options_);
  request what;
  what.method = "POST";
  what.url = url(server.url());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run_on(loop, through.send(what)).body, "hello");
  EXPECT_EQ(server.connections(), 3);
  EXPECT_EQ(requests, 3);
}

/// Answers the first of those that are open whenever there are `at_least`, or the client sends no more. Counts the most
/// that ever were open.
class counting_server {
 public:
  counting_server(std::size_t at_least, std::size_t all, bool calm = false)
      : server_([this, at_least, all, calm](peer& to, int) { play(to, at_least, all, calm); }) {}
  std::string url() const { return server_.url(); }
  std::size_t most_open() const { return most_; }
  std::size_t most_open_later() const { return later_; }

 private:
  void play(peer& to, std::size_t at_least, std::size_t all, bool calm) {
    if (!h2_greet(to)) return;
    std::deque<std::uint32_t> open;
    std::size_t answered = 0;
    while (answered < all) {
      const h2_received frame = h2_read(to);
      if (frame.type == 0xff) return;
      if (frame.type == h2_type::headers) {
        open.push_back(frame.stream);
        most_ = std::max(most_, open.size());
        if (calmed_) later_ = std::max(later_, open.size());
        // Whatever else the client sends comes before its answer.
        if (open.size() == std::min(at_least, all - answered)) to.send(h2_frame(h2_type::ping, 0, 0, "12345678"));
      } else if (frame.type == h2_type::ping && !open.empty()) {
        if (calm && !calmed_) {
          to.send(h2_reset(open.front(), 11));
          open.pop_front();
          ++answered;
          calmed_ = true;
          at_least = 1;
        }
        for (; !open.empty(); open.pop_front(), ++answered) to.send(h2_answer(open.front(), "hello"));
      }
    }
    to.wait_until_closed();
  }

  std::size_t most_ = 0, later_ = 0;
  bool calmed_ = false;
  scripted_server server_;
};

int get_all(asio::io_context& loop, const client& through, const std::string& from, int count) {
  int good = 0;
  for (int i = 0; i < count; ++i)
    asio::co_spawn(loop, through.get(from),
                   [&](std::exception_ptr failed, const auto& answer) { good += !failed && answer.body == "hello"; });
  loop.restart();
  loop.run();
  return good;
}

TEST_F(h2_sharing, limits_of_a_host_count_streams) {
  counting_server server(3, 12);
  options_.max_connections_per_host = 3;
  asio::io_context loop(1);
  EXPECT_EQ(get_all(loop, client(options_), server.url(), 12), 12);
  EXPECT_EQ(server.most_open(), 3u);
  EXPECT_EQ(state_of(loop).pool().open(), 1u);
}

TEST_F(h2_sharing, a_host_that_asks_for_calm_gets_half_as_much) {
  counting_server server(8, 24, true);
  options_.max_connections_per_host = 8;
  asio::io_context loop(1);
  EXPECT_EQ(get_all(loop, client(options_), server.url(), 24), 23) << "the one that was reset";
  EXPECT_EQ(server.most_open(), 8u);
  EXPECT_LE(server.most_open_later(), 4u + 7u) << "those that were open, and then half as many";
}

// 8 MiB that nobody reads are on their way, or held back; the others have the connection's credit.
TEST_F(h2_sharing, one_stream_that_nobody_reads_holds_up_no_other) {
  fanout::origin::background origin;
  asio::io_context loop(1);
  const client through(options_);
  const auto test = [](client with, std::string big, std::string small) -> fanout::task<std::size_t> {
    request what;
    what.url = url(big);
    auto opening = with.open(std::move(what));
    response_stream unread = co_await std::move(opening);
    std::size_t bytes = 0;
    for (int i = 0; i < 99; ++i) {
      auto getting = with.get(small);
      const auto answer = co_await std::move(getting);
      bytes += answer.body.size();
    }
    EXPECT_LT(unread.head().measured.bytes_received, 1u << 20);
    std::size_t rest = 0;
    for (;;) {
      auto reading = unread.read_some();
      const std::string piece = co_await std::move(reading);
      if (piece.empty()) break;
      rest += piece.size();
    }
    EXPECT_EQ(rest, 100'000'000u) << "read at last, it is whole";
    co_return bytes;
  };
  EXPECT_EQ(run_on(loop, test(through, origin.url("/bytes/100000000"), origin.url("/bytes/1000000"))), 99'000'000u);
  EXPECT_EQ(state_of(loop).pool().open(), 1u);
}

// Streams that are given up at any moment: their DATA, 200 MB of it, is credited to the connection all the same.
TEST_F(h2_sharing, ten_thousand_cancellations_leave_the_connection_usable) {
  fanout::origin::background origin;
  asio::io_context loop(1);
  const client through(options_);
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): every run is the same
  int over = 0, answered = 0;
  constexpr int all = 10'000;
  std::deque<asio::cancellation_signal> signals(all);
  std::vector<char> runs(all);  // what does not yet is not the client's: Boost 1.83 throws out of the loop then
  const auto gets = [&](std::size_t number) -> fanout::task<fanout::http::response> {
    runs[number] = 1;
    auto getting = through.get(origin.url("/bytes/20000"));
    co_return co_await std::move(getting);
  };
  int begun = 0;
  loop.restart();
  while (over < all) {
    while (begun < all && begun - over < 50) {
      asio::co_spawn(loop, gets(static_cast<std::size_t>(begun)),
                     asio::bind_cancellation_slot(signals[static_cast<std::size_t>(begun)].slot(),
                                                  [&](std::exception_ptr failed, const auto&) {
                                                    ++over;
                                                    answered += !failed;
                                                  }));
      ++begun;
    }
    for (unsigned steps = random() % 8; steps > 0; --steps)
      if (loop.poll_one() == 0) {
        if (random() % 2 == 0 && begun > over) loop.run_one();
        break;
      }
    const int some = std::max(0, begun - 1 - static_cast<int>(random() % 50));
    if (runs[static_cast<std::size_t>(some)] != 0)
      signals[static_cast<std::size_t>(some)].emit(asio::cancellation_type::terminal);
    if (begun == all) loop.run_one();
  }
  loop.restart();
  loop.run();
  RecordProperty("answered", answered);
  EXPECT_LT(answered, all) << "some were cancelled";
  const auto last = get_on(loop, through, origin.url("/bytes/80000000"));
  EXPECT_TRUE(last.measured.connection_reused);
  EXPECT_EQ(last.body.size(), 80'000'000u) << "more than the connection's window";
  EXPECT_EQ(origin.statistics().connections_accepted, 1u);
}

}  // namespace
