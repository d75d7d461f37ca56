// An exchange that is cancelled, or whose loop is destroyed, after every single step: whatever it was waiting for, no
// permit, socket, look-up or half-read connection is left behind, and the next exchange on the loop is as if it had
// never been.
#include "http/certificates.hpp"
#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"
#include "http/unix_server.hpp"
#include "support/counted_heap.hpp"
#include "support/every_step.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/steady_timer.hpp>

// Servers of this process allocate on threads of their own, so what is left cannot be counted; the address sanitizer
// sees to that.
std::optional<std::ptrdiff_t> fanout::test::live_allocations() noexcept {
  return std::nullopt;
}

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::http::client_options;
using fanout::http::loop_state;
using fanout::http::request;
using fanout::http::url;
using fanout::test::cancel_at_every_step;
using fanout::test::destroy_at_every_step;
using fanout::test::ending;
using fanout::test::scenario;
using fanout_test::by_version::client;

/// What the coroutines of one run share.
struct shared_state {
  loop_state* loop = nullptr;
  std::optional<asio::steady_timer> subject_over;
  bool over = false;
  bool others = false;  ///< somebody else has a connection meanwhile
  int followed = 0;
};

fanout::task<void> prepare(std::shared_ptr<shared_state> state, std::string name_server) {
  const auto executor = co_await asio::this_coro::executor;
  state->loop = &loop_state::of(executor);
  if (!name_server.empty()) state->loop->names().use_servers(name_server);
}

fanout::task<void> exchange_times(client through, request what, int times) {
  for (int i = 0; i < times; ++i) {
    auto sending = through.send(what);
    const auto answer = co_await std::move(sending);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
  }
}

fanout::task<void> stream(client through, request what) {
  auto opening = through.open(what);
  auto body = co_await std::move(opening);
  std::string whole;
  for (;;) {
    auto reading = body.read_some();
    const std::string piece = co_await std::move(reading);
    if (piece.empty()) break;
    whole += piece;
  }
  EXPECT_EQ(whole, "hello");
}

/// Another exchange like it, once the subject is over.
fanout::task<void> follow(std::shared_ptr<shared_state> state, client through, request what) {
  const auto executor = co_await asio::this_coro::executor;
  state->subject_over.emplace(executor, asio::steady_timer::time_point::max());
  if (!state->over) {
    auto waiting = state->subject_over->async_wait(asio::as_tuple(asio::deferred));
    co_await std::move(waiting);
  }
  state->subject_over.reset();
  // The subject's frame is gone; what it held is given back.
  EXPECT_EQ(state->loop->pool().waiting(), 0u);
  EXPECT_EQ(state->loop->names().waiting(), 0u);
  if (!state->others) {
    EXPECT_EQ(state->loop->pool().open(), state->loop->pool().idle());
  }
  auto sending = through.send(what);
  const auto answer = co_await std::move(sending);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(state->loop->pool().open(), state->loop->pool().idle());
  EXPECT_EQ(state->loop->pool().waiting(), 0u);
  ++state->followed;
}

class every_step : public each_version {
 protected:
  using make_subject = std::function<fanout::task<void>(const client&, const request&)>;

  /// Disturbs `subject` at every step, of which there are at least `least`.
  void disturb(const client_options& options, const std::string& to, std::size_t least, const make_subject& subject) {
    const auto make = [&](bool cancelled) {
      const client through(options);
      request what;
      what.url = url(to);
      const auto state = std::make_shared<shared_state>();
      scenario all;
      all.before.push_back(prepare(state, name_server_));
      if (!ahead_.empty()) {
        state->others = true;
        request ahead;
        ahead.url = url(ahead_);
        all.before.push_back(exchange_times(through, ahead, 1));
      }
      all.subject.emplace(subject(through, what));
      if (cancelled) all.after.push_back(follow(state, through, what));
      all.on_end = [state](ending) {
        state->over = true;
        if (state->subject_over) state->subject_over->cancel();
      };
      all.check = [state, cancelled](ending) { EXPECT_EQ(state->followed, cancelled); };
      return all;
    };
    EXPECT_GE(cancel_at_every_step([&] { return make(true); }), least);
    EXPECT_GE(destroy_at_every_step([&] { return make(false); }), least);
  }
  void disturb(const client_options& options, const std::string& to, std::size_t least) {
    disturb(options, to, least, [](const client& through, const request& what) {
      return exchange_times(through, what, 2);  // the second one on the first one's connection
    });
  }

  std::string name_server_;
  std::string ahead_;  ///< a URL that somebody else gets, beginning before the subject
};

TEST_P(every_step, of_a_fresh_and_of_a_reused_connection) {
  scripted_server server(always(ok("hello")));
  disturb({}, server.url(), 5);
}

TEST_P(every_step, of_a_body_in_pieces) {
  scripted_server server(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
  disturb({}, server.url(), 5);
}

TEST_P(every_step, of_a_streamed_body) {
  scripted_server server(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"));
  disturb({}, server.url(), 4, [](const client& through, const request& what) { return stream(through, what); });
}

TEST_P(every_step, of_a_redirect) {
  scripted_server server([](peer& to, int) {
    for (std::string request; !(request = to.read_request()).empty();)
      to.send(request.starts_with("GET /from ") ? "HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 3\r\n\r\nbye"
                                                : ok("hello"));
  });
  disturb({}, server.url("/from"), 6);
}

TEST_P(every_step, of_tls) {
  const issuer trusted;
  const auto tls = trusted.server();
  scripted_server server(always(ok("hello")), tls.get());
  client_options options;
  options.ca_file = trusted.ca_file();
  disturb(options, server.url(), 6);
}

TEST_P(every_step, of_a_look_up_and_a_race) {
  scripted_server server(always(ok("hello")));
  fake_name_server names({{"many.test", {"127.0.0.1", 0, "::1"}}});
  name_server_ = names.address();
  disturb({}, server.url("/", "many.test"), 7);
}

TEST_P(every_step, of_a_tunnel) {
  const issuer trusted;
  certificate_options names;
  names.names = "DNS:inside.test";
  const auto tls = trusted.server(names);
  scripted_server proxy([&](peer& to, int) {
    if (to.read_request().empty()) return;
    to.send("HTTP/1.1 200 OK\r\n\r\n");
    if (!to.start_tls(tls.get())) return;
    while (!to.read_request().empty()) to.send(ok("hello"));
  });
  client_options options;
  options.ca_file = trusted.ca_file();
  options.proxy = "127.0.0.1:" + std::to_string(proxy.port());
  disturb(options, "https://inside.test/", 7);
}

TEST_P(every_step, of_a_tunnel_through_an_https_proxy) {
  const issuer trusted;
  certificate_options names;
  names.names = "DNS:inside.test";
  const auto outer = trusted.server(), inner = trusted.server(names);
  scripted_server proxy(
      [&](peer& to, int) {
        if (to.read_request().empty()) return;
        to.send("HTTP/1.1 200 OK\r\n\r\n");
        if (!to.start_tls(inner.get())) return;
        while (!to.read_request().empty()) to.send(ok("hello"));
      },
      outer.get());
  client_options options;
  options.ca_file = options.proxy_ca_file = trusted.ca_file();
  options.proxy = "https://127.0.0.1:" + std::to_string(proxy.port());
  disturb(options, "https://inside.test/", 4);  // more where a flight of the handshakes is not there yet
}

TEST_P(every_step, of_a_unix_socket) {
  temporary_directory directory;
  unix_server server(directory / "socket", "hello");
  client_options options;
  options.unix_socket = directory / "socket";
  disturb(options, "http://a.test/", 4);
}

TEST_P(every_step, of_socks) {
  scripted_server proxy([](peer& to, int) {
    if (to.read_exactly(3).size() < 3) return;
    to.send("\x05\x00"s);
    if (to.read_exactly(5 + 6 + 2).size() < 13) return;
    to.send("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s);
    while (!to.read_request().empty()) to.send(ok("hello"));
  });
  client_options options;
  options.proxy = "socks5h://127.0.0.1:" + std::to_string(proxy.port());
  disturb(options, "http://a.test/", 6);
}

TEST_P(every_step, of_waiting_in_line) {
  scripted_server server(always(ok("hello")));
  client_options options;
  options.max_connections = options.max_connections_per_host = 1;
  scripted_server other(always(ok("hello")));
  for (const auto* const first : {&server, &other}) {
    ahead_ = first->url();
    disturb(options, server.url(), 5);
  }
}

INSTANTIATE_TEST_SUITE_P(versions, every_step, both_versions(), name_of_version);

}  // namespace
