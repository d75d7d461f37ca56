// Servers that break HTTP/2, or use it against the client: each fails one request or one connection, with a message
// that says how, in less than a second of the client's CPU, and in less than 5 MB. Of CPU, as others may use it, too;
// the idle timeout is what "at once" would not be.
#include "http/h2_frames.hpp"
#include "http/support.hpp"
#include "support/sanitized.hpp"

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::failure;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::http_versions;
using fanout::http::request;
using fanout::http::url;
using testing::HasSubstr;

constexpr std::uint32_t protocol_error = 1, refused_stream = 7, enhance_your_calm = 11;

// Of the client and the server; large blocks are mapped. Sanitizers have a heap of their own, and say 0.
std::size_t heap_in_use() {
  const auto heap = ::mallinfo2();
  return heap.uordblks + heap.hblkhd;
}

std::chrono::nanoseconds cpu_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

class h2_framing : public http_test {
 protected:
  h2_framing() {
    options_.http_version = http_versions::http_2_prior_knowledge;
    options_.idle_timeout = std::chrono::seconds(5);
  }

  /// What becomes of one request.
  failure fails(const scripted_server& server) {
    const std::size_t before = most_heap_ = heap_in_use();
    const auto begun = std::chrono::steady_clock::now();
    const auto cpu_before = cpu_of_this_thread();
    const failure lost = failure_of([&] { fetch(server.url(), options_); });
    if (!fanout::test::sanitized) {
      EXPECT_LT(cpu_of_this_thread() - cpu_before, std::chrono::seconds(1)) << lost.message;
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, patience_) << lost.message;
    note_heap();
    EXPECT_LT(most_heap_.load(), before + (5 << 20)) << lost.message;
    return lost;
  }
  /// What is in use while the client takes what it was sent.
  void note_heap() {
    const std::size_t now = heap_in_use();
    for (std::size_t most = most_heap_; most < now && !most_heap_.compare_exchange_weak(most, now);) continue;
  }
  /// The server answers the first request by these frames, and then nothing.
  failure fails_with(std::function<std::string(std::uint32_t)> frames, const std::string& settings = {}) {
    scripted_server server(h2_server(
        [&](peer& to, std::uint32_t stream, int) {
          const std::string all = frames(stream);
          for (std::size_t at = 0; at < all.size(); at += 16'384) {  // in pieces, to look in between
            if (!to.send(all.substr(at, 16'384))) break;
            note_heap();
          }
          to.wait_until_closed();
        },
        settings));
    return fails(server);
  }
  /// The server sends the same frames for ever.
  failure fails_in_flood_of(const std::string& frames) {
    scripted_server server(h2_server([&](peer& to, std::uint32_t, int) {
      std::string many;
      while (many.size() < 64 * 1024) many += frames;
      while (to.send(many)) note_heap();
    }));
    return fails(server);
  }

  client_options options_;
  std::atomic<std::size_t> most_heap_ = 0;
  std::chrono::seconds patience_{20};  // a machine may be busy; the deadlines of the client are longer
};

TEST_F(h2_framing, floods_end_the_connection) {
  for (const std::string& frames :
       {h2_frame(h2_type::ping, 0, 0, "12345678"), h2_settings(), h2_settings(h2_setting(4, 70'000)), h2_data(1, ""),
        h2_frame(h2_type::window_update, 0, 0, big_endian(1, 4)) + h2_data(1, ""),
        h2_frame(h2_type::priority, 0, 1, big_endian(0, 4) + "\x10"s), h2_reset(99'999, 8),
        h2_frame(0xbb, 0, 0, "unknown")}) {
    const failure lost = fails_in_flood_of(frames);
    EXPECT_EQ(lost.kind, failure_kind::protocol) << lost.message;
  }
}

TEST_F(h2_framing, a_header_without_end_is_cut) {
  const auto lost = fails_with([](std::uint32_t stream) {
    std::string all = h2_frame(h2_type::headers, 0, stream, h2_status_200);
    for (int i = 0; i < 20'000; ++i) all += h2_frame(h2_type::continuation, 0, stream, h2_field("a", "b"));
    return all;
  });
  EXPECT_EQ(lost.kind == failure_kind::protocol || lost.kind == failure_kind::too_large, true) << lost.message;
}

TEST_F(h2_framing, a_bomb_of_compressed_fields_is_counted_while_it_is_decoded) {
  // One field of 4,000 bytes goes into the table, and each byte behind it stands for that field.
  const std::string name(100, 'n'), value(3900, 'v');
  const std::string entry = "\x40\x64"s + name + "\x7f\xbd\x1d"s + value;  // 127 + 0x3d + (0x1d << 7) = 3900
  const auto lost = fails_with(
      [&](std::uint32_t stream) { return h2_headers(stream, h2_status_200 + entry + std::string(12'000, '\xbe')); });
  EXPECT_EQ(lost.kind, failure_kind::too_large);
  EXPECT_THAT(lost.message, HasSubstr("over the limit of 262144 bytes or 1024 fields"));
}

TEST_F(h2_framing, malformed_fields_are_refused) {
  for (const std::string& block :
       {h2_field("Upper", "case"), h2_field("connection", "close"), h2_field("transfer-encoding", "chunked"),
        h2_field("a", "b\nc"), h2_field("a b", "c"), h2_field(":status", "204"), h2_field(":path", "/"),
        h2_field("content-length", "5") + h2_field("content-length", "6"), h2_field("content-length", "x")}) {
    const auto lost = fails_with([&](std::uint32_t stream) {
      return h2_headers(stream, h2_status_200 + block) + h2_data(stream, "hello", h2_flag::end_stream);
    });
    EXPECT_EQ(lost.kind, failure_kind::protocol);
    EXPECT_THAT(lost.message, HasSubstr("malformed HTTP/2 response")) << block;
  }
  EXPECT_THAT(fails_with([](std::uint32_t stream) {
                return h2_headers(stream, h2_field("a", "b"), h2_flag::end_stream);
              }).message,
              HasSubstr("malformed"));
}

TEST_F(h2_framing, lengths_that_lie_are_refused) {
  for (const char* const length : {"4", "6"}) {
    const auto lost = fails_with([&](std::uint32_t stream) {
      return h2_headers(stream, h2_status_200 + h2_field("content-length", length)) +
             h2_data(stream, "hello", h2_flag::end_stream);
    });
    EXPECT_EQ(lost.kind, failure_kind::protocol);
    EXPECT_THAT(lost.message, HasSubstr("Content-Length")) << length;
  }
}

TEST_F(h2_framing, frames_that_break_the_protocol_end_the_connection) {
  for (const std::string& frames :
       {h2_frame(h2_type::ping, 0, 0, "short"), h2_frame(h2_type::settings, 0, 0, "odd"),
        h2_frame(h2_type::window_update, 0, 0, big_endian(0, 4)),
        h2_frame(h2_type::window_update, 0, 0, big_endian(0x7fffffff, 4)), h2_data(0, "x"), h2_data(3, "x"),
        h2_headers(2, h2_status_200), h2_frame(h2_type::rst_stream, 0, 1, "x"),
        h2_frame(h2_type::push_promise, h2_flag::end_headers, 1, big_endian(2, 4) + "\x82"s),
        h2_frame(h2_type::continuation, h2_flag::end_headers, 1, h2_status_200), h2_settings(h2_setting(2, 7)),
        h2_settings(h2_setting(4, 0x80000000)), h2_headers(1, "\xff\xff\xff\xff\xff\xff"s),
        h2_frame(h2_type::data, 0, 1, std::string(20'000, 'x'))}) {
    const auto lost = fails_with([&](std::uint32_t) { return frames; });
    EXPECT_EQ(lost.kind, failure_kind::protocol) << lost.message << testing::PrintToString(frames.substr(0, 40));
  }
}

TEST_F(h2_framing, who_does_not_speak_http_2_is_named) {
  scripted_server server([](peer& to, int) {
    to.read_exactly(24);
    to.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    to.wait_until_closed();
  });
  const auto lost = fails(server);
  EXPECT_EQ(lost.kind, failure_kind::protocol);
  EXPECT_THAT(lost.message, HasSubstr("HTTP/2"));
}

TEST_F(h2_framing, streams_that_are_always_refused_are_tried_six_times) {
  std::atomic<int> refused{0};
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int) {
    ++refused;
    to.send(h2_reset(stream, refused_stream));
  }));
  const auto lost = fails(server);
  EXPECT_EQ(lost.kind, failure_kind::protocol);
  EXPECT_THAT(lost.message, HasSubstr("REFUSED_STREAM"));
  EXPECT_EQ(refused, 6);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(h2_framing, goaway_before_anything_is_tried_six_times) {
  scripted_server server(h2_server([&](peer& to, std::uint32_t, int) { to.send(h2_goaway(0, protocol_error)); }));
  const auto lost = fails(server);
  EXPECT_THAT(lost.message, HasSubstr("PROTOCOL_ERROR"));
  EXPECT_EQ(server.connections(), 6);
}

TEST_F(h2_framing, goaway_twice_with_a_higher_last_id_is_survived) {
  scripted_server server(h2_server([&](peer& to, std::uint32_t stream, int) {
    to.send(h2_goaway(stream, 0) + h2_goaway(stream + 100, 0) + h2_answer(stream, "hello"));
  }));
  // nghttp2 takes the second for an error of the connection, and the answer may be lost with it.
  try {
    EXPECT_EQ(fetch(server.url(), options_).body, "hello");
  } catch (const fanout::error& lost) {
    EXPECT_EQ(lost.kind(), failure_kind::protocol);
  }
}

TEST_F(h2_framing, calm_is_asked_for_by_name) {
  EXPECT_THAT(fails_with([](std::uint32_t stream) { return h2_reset(stream, enhance_your_calm); }).message,
              HasSubstr("asked for fewer requests (ENHANCE_YOUR_CALM)"));
}

TEST_F(h2_framing, no_streams_at_all_are_a_timeout) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  const auto lost = fails_with([](std::uint32_t) { return ""s; }, h2_setting(3, 0));
  EXPECT_EQ(lost.kind, failure_kind::timeout);
}

TEST_F(h2_framing, settings_that_never_come_are_a_timeout) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  scripted_server server([](peer& to, int) { to.wait_until_closed(); });
  EXPECT_EQ(fails(server).kind, failure_kind::timeout);
}

// From three at a time to one: those under way go on, and the rest wait their turn.
TEST_F(h2_framing, fewer_streams_than_are_under_way_end_none) {
  scripted_server server([](peer& to, int) {
    if (!h2_greet(to, h2_setting(3, 3))) return;
    std::uint32_t first[3];
    for (std::uint32_t& each : first) each = h2_next_request(to);
    to.send(h2_settings(h2_setting(3, 1)));
    for (const std::uint32_t each : first) to.send(h2_answer(each, "hello"));
    for (std::uint32_t stream; (stream = h2_next_request(to)) != 0;) to.send(h2_answer(stream, "hello"));
  });
  options_.max_connections_per_host = 3;
  asio::io_context loop(1);
  const fanout::http::client through(options_);
  int good = 0;
  for (int i = 0; i < 6; ++i)
    asio::co_spawn(loop, through.get(server.url()),
                   [&](std::exception_ptr failed, const auto& answer) { good += !failed && answer.body == "hello"; });
  loop.run();
  EXPECT_EQ(good, 6);
}

TEST_F(h2_framing, goaway_in_the_middle_lets_the_stream_end) {
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int) {
    to.send(h2_headers(stream, h2_status_200) + h2_data(stream, "hel") + h2_goaway(stream, 0) +
            h2_data(stream, "lo", h2_flag::end_stream));
  }));
  asio::io_context loop(1);
  const fanout::http::client through(options_);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(get_on(loop, through, server.url()).body, "hello");
  EXPECT_EQ(server.connections(), 2) << "each took one request";
}

TEST_F(h2_framing, a_window_that_never_opens_is_a_timeout) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  scripted_server server(h2_server([](peer& to, std::uint32_t, int) { to.wait_until_closed(); }, h2_setting(4, 0)));
  request what;
  what.method = "POST";
  what.url = url(server.url());
  what.body = std::string(100'000, 'x');
  asio::io_context loop(1);
  const fanout::http::client through(options_);
  EXPECT_EQ(failure_of([&] { run_on(loop, through.send(what)); }).kind, failure_kind::timeout);
}

TEST_F(h2_framing, a_deadline_ends_the_stream_and_not_the_connection) {
  options_.idle_timeout = std::chrono::milliseconds(100);
  scripted_server server(h2_server([](peer& to, std::uint32_t stream, int count) {
    if (count > 0) to.send(h2_answer(stream, "hello"));
  }));
  asio::io_context loop(1);
  const fanout::http::client through(options_);
  EXPECT_EQ(failure_of([&] { get_on(loop, through, server.url()); }).kind, failure_kind::timeout);
  EXPECT_EQ(get_on(loop, through, server.url()).body, "hello");
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
