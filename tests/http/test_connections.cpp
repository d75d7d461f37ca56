// Keep-alive: what is used again, what is not, and what happens to connections that died meanwhile.
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;

using connections = http_test;

std::size_t idle_on(asio::io_context& loop) {
  return fanout::http::loop_state::of(loop.get_executor()).pool().idle();
}

TEST_F(connections, are_used_again) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  const client one, another;
  EXPECT_FALSE(get_on(loop, one, server.url("/1")).measured.connection_reused);
  EXPECT_EQ(idle_on(loop), 1u);
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(get_on(loop, i % 2 ? one : another, server.url()).measured.connection_reused);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(connections, are_not_shared_between_hosts_or_loops) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1), other(1);
  get_on(loop, client::shared(), server.url());
  get_on(other, client::shared(), server.url());
  get_on(loop, client::shared(), server.url("/", "localhost"));
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(connections, end_when_the_server_says_so) {
  scripted_server server(always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
  asio::io_context loop(1);
  for (int i = 0; i < 3; ++i) get_on(loop, client::shared(), server.url());
  EXPECT_EQ(idle_on(loop), 0u);
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(connections, with_bytes_nobody_asked_for_are_closed) {
  scripted_server server(always(ok("x") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"));
  asio::io_context loop(1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get_on(loop, client::shared(), server.url()).body, "x");
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(connections, that_the_server_closed_while_idle_are_replaced) {
  scripted_server server([&](peer& to, int number) {
    to.read_request();
    to.send(ok("x"));
    if (number > 0) to.wait_until_closed();
  });
  asio::io_context loop(1);
  EXPECT_EQ(get_on(loop, client::shared(), server.url()).body, "x");
  // Whether the end has arrived by now or only arrives in answer to the request, the caller does not notice.
  const auto second = get_on(loop, client::shared(), server.url());
  EXPECT_EQ(second.body, "x");
  EXPECT_FALSE(second.measured.connection_reused);
  EXPECT_EQ(server.connections(), 2);
}

fanout::http::response post_on(asio::io_context& loop, const client& through, const std::string& to) {
  request what;
  what.method = "POST";
  what.url = url(to);
  what.body = "x";
  return run_on(loop, through.send(std::move(what)));
}

// Servers that close after each response without saying so: the end may be under way when the next request is sent.
TEST_F(connections, that_are_about_to_be_closed_are_not_for_those_who_cannot_send_twice) {
  scripted_server server([](peer& to, int) {
    to.read_request();
    to.send(ok("x"));
  });
  asio::io_context loop(1);
  const client through;
  for (int i = 0; i < 200; ++i) EXPECT_EQ(post_on(loop, through, server.url()).body, "x");
}

TEST_F(connections, that_are_known_to_stay_open_are_for_everybody) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  const client through;
  for (int i = 0; i < 2; ++i) get_on(loop, through, server.url());
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(post_on(loop, through, server.url()).measured.connection_reused);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(connections, idle_ones_are_bounded_and_expire) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  client_options options;
  options.max_idle_per_host = 3;
  const client bounded(options);
  // All ten are in flight together, so each needs its own connection.
  int done = 0;
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(loop, bounded.get(server.url()), [&](std::exception_ptr, const auto&) { ++done; });
  loop.run();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(idle_on(loop), 3u);

  options.idle_connection_lifetime = 0ms;
  EXPECT_FALSE(get_on(loop, client(options), server.url()).measured.connection_reused);
  EXPECT_EQ(idle_on(loop), 1u) << "the expired ones are gone, the new one is there";

  options.max_idle_connections = 0;
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(get_on(loop, client(options), server.url()).measured.connection_reused);
    EXPECT_EQ(idle_on(loop), 0u);
  }
}

TEST_F(connections, all_idle_together_are_bounded) {
  scripted_server one(always(ok("x"))), two(always(ok("x"))), three(always(ok("x")));
  asio::io_context loop(1);
  client_options options;
  options.max_idle_connections = 2;
  const client bounded(options);
  for (auto* server : {&one, &two, &three}) get_on(loop, bounded, server->url());
  EXPECT_EQ(idle_on(loop), 2u);
  EXPECT_TRUE(get_on(loop, bounded, three.url()).measured.connection_reused);
  EXPECT_TRUE(get_on(loop, bounded, two.url()).measured.connection_reused);
  EXPECT_FALSE(get_on(loop, bounded, one.url()).measured.connection_reused) << "the oldest was closed";
}

TEST_F(connections, a_refused_one_names_host_and_reason) {
  std::uint16_t port = 0;
  {
    scripted_server gone(always(""));
    port = gone.port();
  }
  const auto failed = failure_of([&] { fetch("http://127.0.0.1:" + std::to_string(port) + "/"); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, testing::HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(failed.message, testing::HasSubstr("refused"));
}

}  // namespace
