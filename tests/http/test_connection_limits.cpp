// How many connections are open, who waits for one, and when idle ones are closed.
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <condition_variable>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::session_pool;
using fanout_test::by_version::client;
using testing::HasSubstr;

class limits : public each_version {};
/// What is so where a connection serves one request at a time.
using limits_of_h1 = http_test;

session_pool& pool_of(asio::io_context& loop) {
  return fanout::http::loop_state::of(loop.get_executor()).pool();
}

/// Runs gets of `urls` together; the bodies in the order in which they came.
std::vector<std::string> get_all(asio::io_context& loop, const client& through, const std::vector<std::string>& urls,
                                 std::size_t most_open) {
  std::vector<std::string> bodies;
  for (const auto& each : urls)
    asio::co_spawn(loop, through.get(each), [&](std::exception_ptr failed, const fanout::http::response& answer) {
      EXPECT_EQ(failed, nullptr);
      bodies.push_back(answer.body);
      EXPECT_LE(pool_of(loop).open(), most_open);
    });
  loop.restart();
  loop.run();
  EXPECT_EQ(pool_of(loop).waiting(), 0u);
  return bodies;
}

/// Answers each request with its target.
scripted_server::script echo() {
  return [](peer& to, int) {
    for (std::string request; !(request = to.read_request()).empty();) {
      const std::size_t begin = request.find('/');
      to.send(ok(request.substr(begin, request.find(' ', begin) - begin)));
    }
  };
}

TEST_P(limits, of_one_host_are_kept_and_served_in_turn) {
  scripted_server server(echo());
  asio::io_context loop(1);
  client_options options;
  options.max_connections_per_host = 1;
  std::vector<std::string> urls, expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back("/" + std::to_string(i));
    urls.push_back(server.url(expected.back()));
  }
  EXPECT_EQ(get_all(loop, client(options), urls, 1), expected) << "first come, first served";
  EXPECT_EQ(server.connections(), 1);
}

TEST_P(limits, of_all_hosts_together_are_kept) {
  scripted_server one(echo()), two(echo()), three(echo());
  asio::io_context loop(1);
  client_options options;
  options.max_connections = 2;
  std::vector<std::string> urls;
  for (int i = 0; i < 20; ++i)
    for (auto* server : {&one, &two, &three}) urls.push_back(server->url("/" + std::to_string(i)));
  EXPECT_EQ(get_all(loop, client(options), urls, 2).size(), 60u);
}

TEST_P(limits, both_together) {
  scripted_server one(echo()), two(echo());
  asio::io_context loop(1);
  client_options options;
  options.max_connections = 3;
  options.max_connections_per_host = 2;
  std::vector<std::string> urls;
  for (int i = 0; i < 20; ++i)
    for (auto* server : {&one, &two}) urls.push_back(server->url("/" + std::to_string(i)));
  EXPECT_EQ(get_all(loop, client(options), urls, 3).size(), 40u);
  EXPECT_LE(pool_of(loop).open(), 3u);
}

TEST_P(limits, an_idle_connection_to_another_host_makes_room) {
  scripted_server one(echo()), two(echo());
  asio::io_context loop(1);
  client_options options;
  options.max_connections = 1;
  const client through(options);
  get_on(loop, through, one.url("/1"));
  EXPECT_EQ(get_on(loop, through, two.url("/2")).body, "/2");
  EXPECT_EQ(pool_of(loop).open(), 1u);
}

TEST_F(limits_of_h1, a_connection_that_cannot_be_used_again_makes_room_too) {
  scripted_server server(always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"));
  asio::io_context loop(1);
  client_options options;
  options.max_connections_per_host = 2;
  EXPECT_EQ(get_all(loop, client(options), std::vector<std::string>(10, server.url()), 2).size(), 10u);
  EXPECT_EQ(server.connections(), 10);
  EXPECT_EQ(pool_of(loop).open(), 0u);
}

TEST_P(limits, failures_give_their_places_back) {
  scripted_server server([](peer& to, int) { to.read_request(); });
  asio::io_context loop(1);
  client_options options;
  options.max_connections_per_host = 1;
  const client through(options);
  int failures = 0;
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(loop, through.get(server.url()),
                   [&](std::exception_ptr failed, const auto&) { failures += failed != nullptr; });
  // Nobody listens at port 1 of this address, so these fail before they have a connection.
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(loop, through.get("http://127.0.0.9:1/"),
                   [&](std::exception_ptr failed, const auto&) { failures += failed != nullptr; });
  loop.run();
  EXPECT_EQ(failures, 20);
  EXPECT_EQ(pool_of(loop).open(), 0u);
}

TEST_F(limits_of_h1, waiting_too_long_says_what_for) {
  scripted_server server([](peer& to, int) { to.wait_until_closed(); });
  asio::io_context loop(1);
  client_options holding;
  holding.max_connections_per_host = 1;
  auto patient = holding;
  patient.total_timeout = 200ms;
  auto hasty = holding;
  hasty.queue_timeout = 20ms;
  // Whoever holds the connection keeps it until both others have given up.
  asio::cancellation_signal enough;
  asio::co_spawn(loop, client(holding).get(server.url()),
                 asio::bind_cancellation_slot(enough.slot(), [](std::exception_ptr, const auto&) {}));
  std::vector<std::string> messages;
  for (const auto& options : {patient, hasty})
    asio::co_spawn(loop, client(options).get(server.url()), [&](std::exception_ptr failed, const auto&) {
      messages.push_back(failure_of([&] { std::rethrow_exception(failed); }).message);
      if (messages.size() == 2) enough.emit(asio::cancellation_type::terminal);
    });
  loop.run();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_THAT(messages[0], HasSubstr("came free within 20ms (queue timeout)"));
  EXPECT_THAT(messages[1], HasSubstr("waiting for one of its connections to come free"));
  EXPECT_EQ(pool_of(loop).open(), 0u);
  EXPECT_EQ(pool_of(loop).waiting(), 0u);
}

TEST_P(limits, of_clients_that_have_none_are_none) {
  scripted_server server(echo());
  asio::io_context loop(1);
  EXPECT_EQ(get_all(loop, client(), std::vector<std::string>(20, server.url("/")), 20).size(), 20u);
}

TEST_P(limits, a_loop_may_be_destroyed_while_exchanges_wait_in_line) {
  scripted_server server([](peer& to, int) { to.wait_until_closed(); });
  client_options options;
  options.max_connections = 1;
  {
    asio::io_context loop(1);
    for (int i = 0; i < 5; ++i)
      asio::co_spawn(loop, client(options).get(server.url()), [](std::exception_ptr, const auto&) { FAIL(); });
    while (server.connections() < 1) loop.poll();
  }
}

/// Says when the server's side of a connection has ended.
class closing_server {
 public:
  closing_server()
      : server_([this](peer& to, int) {
          to.read_request();
          to.send(ok("x"));
          to.wait_until_closed();
          const std::lock_guard guard(lock_);
          closed_ = true;
          changed_.notify_all();
        }) {}
  std::string url() const { return server_.url(); }
  bool closed() {
    const std::lock_guard guard(lock_);
    return closed_;
  }
  bool wait_until_closed() {
    std::unique_lock guard(lock_);
    return changed_.wait_for(guard, 20s, [&] { return closed_; });
  }

 private:
  std::mutex lock_;
  std::condition_variable changed_;
  bool closed_ = false;
  scripted_server server_;  // last: its threads end before what they use
};

TEST_P(limits, idle_connections_are_closed_while_the_loop_runs_for_other_reasons) {
  closing_server server;
  asio::io_context loop(1);
  client_options options;
  options.idle_connection_lifetime = 30ms;
  get_on(loop, client(options), server.url());
  EXPECT_EQ(pool_of(loop).idle(), 1u);
  loop.restart();
  const auto busy = asio::make_work_guard(loop);
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (pool_of(loop).idle() > 0 && std::chrono::steady_clock::now() < give_up) loop.run_for(10ms);
  EXPECT_EQ(pool_of(loop).idle(), 0u);
  EXPECT_TRUE(server.wait_until_closed());
}

TEST_P(limits, idle_connections_keep_no_loop_running) {
  closing_server server;
  asio::io_context loop(1);
  client_options options;
  options.idle_connection_lifetime = 30s;
  const client through(options);
  const auto begin = std::chrono::steady_clock::now();
  get_on(loop, through, server.url());
  loop.restart();
  EXPECT_EQ(loop.run(), 0u) << "there is nothing to do";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 15s);
  EXPECT_EQ(pool_of(loop).idle(), 1u);
  EXPECT_FALSE(server.closed());
}

TEST_P(limits, lifetimes_of_several_clients_are_kept_apart) {
  scripted_server one(echo()), two(echo());
  asio::io_context loop(1);
  client_options brief, lasting;
  brief.idle_connection_lifetime = 20ms;
  lasting.idle_connection_lifetime = 60s;
  get_on(loop, client(lasting), one.url("/"));
  get_on(loop, client(brief), two.url("/"));
  loop.restart();
  {
    const auto busy = asio::make_work_guard(loop);
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (pool_of(loop).idle() > 1 && std::chrono::steady_clock::now() < give_up) loop.run_for(10ms);
  }
  EXPECT_EQ(pool_of(loop).idle(), 1u);
  EXPECT_TRUE(get_on(loop, client(lasting), one.url("/")).measured.connection_reused);
}

INSTANTIATE_TEST_SUITE_P(versions, limits, both_versions(), name_of_version);

}  // namespace
