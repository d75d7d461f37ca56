#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using testing::HasSubstr;

using deadlines = each_version;

constexpr auto must_expire = 40ms;
constexpr auto must_not_expire = 60s;

client_options all(std::chrono::milliseconds limit) {
  client_options options;
  options.connect_timeout = options.idle_timeout = options.total_timeout = limit;
  return options;
}

TEST_P(deadlines, connecting_includes_the_tls_handshake) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });  // never says hello
  auto options = all(must_not_expire);
  options.connect_timeout = must_expire;
  const auto failed = failure_of([&] { fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/", options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("connect timeout"));
  EXPECT_THAT(failed.message, HasSubstr("40ms"));
  EXPECT_GE(failed.elapsed, must_expire);
}

TEST_P(deadlines, the_handshake_alone) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });
  auto options = all(must_not_expire);
  options.tls_timeout = must_expire;
  const auto failed = failure_of([&] { fetch("https://127.0.0.1:" + std::to_string(server.port()) + "/", options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("TLS timeout"));
  EXPECT_GE(failed.elapsed, must_expire);
}

TEST_P(deadlines, the_first_byte) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });
  auto options = all(must_not_expire);
  options.first_byte_timeout = must_expire;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("first-byte timeout"));
}

TEST_P(deadlines, a_body_that_comes_too_slowly) {
  scripted_server server([](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345");
    client.wait_until_closed();
  });
  auto options = all(must_not_expire);
  options.low_speed_bytes_per_s = 1'000'000;
  options.low_speed_window = must_expire;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("low-speed limit"));
  EXPECT_THAT(failed.message, HasSubstr("5 of 100 bytes"));
}

TEST_P(deadlines, that_are_long_enough_disturb_nobody) {
  scripted_server server(always(ok("x")));
  auto options = all(must_not_expire);
  options.queue_timeout = options.resolve_timeout = options.tls_timeout = options.first_byte_timeout =
      options.low_speed_window = must_not_expire;
  options.low_speed_bytes_per_s = 1'000'000'000;
  EXPECT_EQ(fetch(server.url("/", "localhost"), options).body, "x");
}

TEST_P(deadlines, beyond_the_end_of_the_clock_never_pass) {
  scripted_server server(always(ok("x")));
  auto options = all(std::chrono::milliseconds::max());
  options.queue_timeout = options.resolve_timeout = options.tls_timeout = options.first_byte_timeout =
      options.low_speed_window = options.continue_timeout = options.idle_connection_lifetime =
          std::chrono::milliseconds::max();
  options.low_speed_bytes_per_s = 1'000'000'000;
  EXPECT_EQ(fetch(server.url("/", "localhost"), options).body, "x");
}

TEST_P(deadlines, idle_between_bytes_says_how_far_it_came) {
  scripted_server server([](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345");
    client.wait_until_closed();
  });
  auto options = all(must_not_expire);
  options.idle_timeout = must_expire;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("idle timeout"));
  EXPECT_THAT(failed.message, HasSubstr("5 of 100 bytes"));
}

TEST_P(deadlines, idle_before_the_first_byte) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });
  auto options = all(must_not_expire);
  options.idle_timeout = must_expire;
  const auto failed = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("before the first byte"));
}

TEST_P(deadlines, total_ends_a_response_that_never_stops) {
  scripted_server server([](peer& client, int) {
    client.read_request();
    client.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 1'000'000; ++i) client.send("x");
  });
  auto options = all(must_not_expire);
  options.total_timeout = must_expire;
  fanout::http::request what;
  what.url = fanout::http::url(server.url());
  what.keep_body = false;
  const auto failed = failure_of([&] {
    asio::io_context loop(1);
    run_on(loop, by_version::client(options).send(what));
  });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("total timeout"));
}

TEST_P(deadlines, total_covers_all_redirects) {
  scripted_server server([](peer& client, int) {
    for (int page = 1; !client.read_request().empty(); ++page)
      client.send("HTTP/1.1 302 Found\r\nLocation: /" + std::to_string(page) + "\r\nContent-Length: 0\r\n\r\n");
  });
  auto options = all(must_not_expire);
  options.total_timeout = must_expire;
  options.max_redirects = 1'000'000;
  EXPECT_EQ(failure_of([&] { fetch(server.url(), options); }).kind, failure_kind::timeout);
}

TEST_P(deadlines, are_gone_with_their_exchange) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  const auto begin = std::chrono::steady_clock::now();
  get_on(loop, by_version::client(all(must_not_expire)), server.url());  // run() returns only once nothing is pending
  EXPECT_LT(std::chrono::steady_clock::now() - begin, must_not_expire / 2);
}

INSTANTIATE_TEST_SUITE_P(versions, deadlines, both_versions(), name_of_version);

}  // namespace
