// A stop at every place where an exchange waits.
#include "http/certificates.hpp"
#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"
#include "support/sanitized.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

namespace {

using namespace fanout_test;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;

enum class exchange_end { answered, cancelled, failed };

// Runs `steps` handlers of a loop with one exchange that has begun, then cancels it. Before it has begun it is not the
// client's: Boost 1.83 throws out of the loop then.
exchange_end cancel_after(asio::io_context& loop, const client& through, request what, int steps) {
  std::optional<exchange_end> result;
  asio::cancellation_signal stop;
  bool begun = false;
  const auto sends = [&]() -> fanout::task<fanout::http::response> {
    begun = true;
    auto sending = through.send(std::move(what));
    co_return co_await std::move(sending);
  };
  asio::co_spawn(loop, sends, asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr thrown, const auto&) {
                   result = exchange_end::answered;
                   try {
                     if (thrown) std::rethrow_exception(thrown);
                   } catch (const boost::system::system_error& cancelled) {
                     result = cancelled.code() == asio::error::operation_aborted ? exchange_end::cancelled
                                                                                 : exchange_end::failed;
                   } catch (...) {
                     result = exchange_end::failed;
                   }
                 }));
  loop.restart();
  while (!begun) loop.run_one();
  for (int i = 0; i < steps && !result; ++i) loop.run_one();
  if (!result) stop.emit(asio::cancellation_type::terminal);
  loop.run();
  return result.value();
}

// Cancels ever later until the exchange is over first; each time nothing may be left behind.
void cancel_everywhere(const std::function<void(asio::io_context&)>& prepare, const client& through,
                       const request& what) {
  int cancelled = 0;
  int sweeps = 0;
  for (int steps = 0; steps < 1000; ++steps) {
    asio::io_context loop(1);
    prepare(loop);
    const auto result = cancel_after(loop, through, what, steps);
    ASSERT_NE(result, exchange_end::failed) << "after " << steps << " steps";
    auto& state = fanout::http::loop_state::of(loop.get_executor());
    ASSERT_EQ(state.deadlines().size(), 0u);
    if (result == exchange_end::answered) {
      ASSERT_EQ(state.pool().idle(), 1u);
      if (cancelled > 0) return;
      ASSERT_LT(++sweeps, 50) << "it never waits";  // once or twice the server may be so quick
      steps = -1;
      continue;
    }
    ++cancelled;
    ASSERT_EQ(state.pool().idle(), over_h2() ? state.pool().open() : 0u)
        << "a cancelled exchange's connection is closed, or has lost one stream";
  }
  FAIL() << "never answered";
}

using cancellation = each_version;

TEST_P(cancellation, while_a_plain_exchange_waits) {
  scripted_server server([](peer& client, int) {
    while (!client.read_request().empty()) {
      client.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (int i = 0; i < 3; ++i) client.send("1\r\nx\r\n");
      client.send("0\r\n\r\n");
    }
  });
  request what;
  what.url = url(server.url());
  cancel_everywhere([](asio::io_context&) {}, client(), what);
}

TEST_P(cancellation, while_a_large_body_is_sent) {
  scripted_server server(always(ok("x")));
  request what;
  what.method = "PUT";
  what.body.assign(fanout::test::sanitized ? 2'000'000 : 8'000'000, 'x');
  what.url = url(server.url());
  cancel_everywhere([](asio::io_context&) {}, client(), what);
}

TEST_P(cancellation, while_tls_shakes_hands) {
  const issuer trusted;
  const auto tls = trusted.server();
  scripted_server server(always(ok("x")), tls.get());
  client_options options;
  options.ca_file = trusted.ca_file();
  request what;
  what.url = url(server.url());
  cancel_everywhere([](asio::io_context&) {}, client(options), what);
}

TEST_P(cancellation, while_a_name_is_looked_up) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"a.test", {"127.0.0.1", 0}}});
  request what;
  what.url = url(server.url("/", "a.test"));
  cancel_everywhere(
      [&](asio::io_context& loop) {
        fanout::http::loop_state::of(loop.get_executor()).names().use_servers(names.address());
      },
      client(), what);
}

TEST_P(cancellation, a_loop_may_be_destroyed_with_exchanges_under_way) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });
  {
    asio::io_context loop(1);
    for (int i = 0; i < 5; ++i)
      asio::co_spawn(loop, client().get(server.url()), [](std::exception_ptr, const auto&) { FAIL(); });
    while (server.connections() < (over_h2() ? 1 : 5)) loop.poll();
  }
}

TEST_P(cancellation, a_loop_may_be_destroyed_by_another_thread_than_ran_it) {
  scripted_server server([](peer& client, int) { client.wait_until_closed(); });
  auto loop = std::make_unique<asio::io_context>(1);
  std::thread runner([&] {
    asio::co_spawn(*loop, client().get(server.url()), [](std::exception_ptr, const auto&) { FAIL(); });
    while (server.connections() < 1) loop->poll();
  });
  runner.join();
  loop.reset();
}

INSTANTIATE_TEST_SUITE_P(versions, cancellation, both_versions(), name_of_version);

}  // namespace
