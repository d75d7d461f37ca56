#include <fanout/http/detail/send_in_place.hpp>

#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::in_place_messages;
using fanout::http::request;
using fanout::http::response;
using fanout::http::send_in_place;
using fanout::http::url;

// Leads from /from to /to, and from /away to what is no web page. Sends back what else it is asked.
void lead_on(peer& client, int) {
  for (std::string received = client.read_request(); !received.empty(); received = client.read_request()) {
    if (received.starts_with("GET /from "))
      client.send("HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n");
    else if (received.starts_with("GET /away "))
      client.send("HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 5\r\n\r\nthere");
    else if (received.starts_with("GET /to "))
      client.send(ok("here"));
    else
      client.send(ok(received));
  }
}

class in_place : public each_version {};

/// Takes all of a response.
struct taking final : in_place_messages {
  std::function<void(request&)> how;
  response got;

  explicit taking(std::function<void(request&)> fills) : how(std::move(fills)) {}
  void fill(request& blank) override { how(blank); }
  void take(response& answer, const url& from) override {
    got = std::move(answer);
    got.url = from;
  }
};

fanout::task<response> sending(const by_version::client& client, taking& messages) {
  auto exchange = send_in_place(client, messages);
  co_await std::move(exchange);
  co_return std::move(messages.got);
}

response sent(asio::io_context& loop, const by_version::client& client, std::function<void(request&)> how) {
  taking messages(std::move(how));
  return run_on(loop, sending(client, messages));
}

auto to(std::string address) {
  return [address = std::move(address)](request& blank) { blank.url.assign(address); };
}

TEST_P(in_place, is_the_response_of_send) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const response made = sent(loop, client, to(server.url("/from")));
  request what;
  what.url = url(server.url("/from"));
  const response same = run_on(loop, client.send(what));
  EXPECT_EQ(made.status, 200);
  EXPECT_EQ(made.body, "here");
  EXPECT_EQ(made.body_bytes, 4u);
  EXPECT_EQ(made.version, same.version);
  EXPECT_EQ(made.url.str(), same.url.str());
  EXPECT_EQ(made.url.str(), server.url("/to"));
  ASSERT_EQ(made.history.size(), 1u);
  EXPECT_EQ(made.history.front().status, 302);
  EXPECT_EQ(made.measured.redirects, 1);
  EXPECT_EQ(made.measured.remote_address, same.measured.remote_address);
}

TEST_P(in_place, a_failure_leaves_nothing_for_the_next_response) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const auto failed = failure_of([&] { sent(loop, client, to(server.url("/away"))); });
  EXPECT_EQ(failed.kind, failure_kind::refused_by_policy);
  EXPECT_EQ(failed.attempts, 1);
  const response next = sent(loop, client, to(server.url("/to")));
  EXPECT_EQ(next.body, "here");
  EXPECT_FALSE(next.headers.contains("Location"));
  EXPECT_TRUE(next.history.empty());
}

TEST_P(in_place, nothing_of_a_request_is_left_for_the_next_one) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const auto all_of_it = [&](request& blank) {
    blank.url.assign("http://me:secret@" + server.url("/first").substr(7));
    blank.method = "POST";
    blank.headers.add("X-First", "1");
    blank.without = {"User-Agent"};
    blank.body = "a body";
    blank.expect_continue = false;
    blank.keep_body = false;
  };
  EXPECT_EQ(sent(loop, client, all_of_it).body, "");
  const auto generated = [&](request& blank) {
    all_of_it(blank);
    blank.body.clear();
    blank.body_from = fanout::http::body_source::generated(
        [] { return [left = 1]() mutable -> fanout::task<std::string> { co_return left-- > 0 ? "piece" : ""; }; }, 5);
  };
  EXPECT_EQ(sent(loop, client, generated).body, "");
  const std::string plain = sent(loop, client, to(server.url("/second"))).body;
  request fresh;
  fresh.url = url(server.url("/second"));
  EXPECT_EQ(plain, run_on(loop, client.send(fresh)).body);
  EXPECT_TRUE(plain.starts_with("GET /second "));
}

/// Takes nothing, and looks at the memory that there is.
struct looking final : in_place_messages {
  std::string address;
  std::size_t of_request = 0;
  std::size_t of_response = 0;

  explicit looking(std::string to) : address(std::move(to)) {}
  void fill(request& blank) override {
    of_request = blank.url.str().capacity();
    blank.url.assign(address);
  }
  void take(response& answer, const url&) override { of_response = answer.body.capacity(); }
};

fanout::task<response> looked(const by_version::client& client, looking& messages) {
  auto exchange = send_in_place(client, messages);
  co_await std::move(exchange);
  co_return response{};
}

TEST_P(in_place, what_is_large_is_not_kept_for_the_next_one) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  for (const std::size_t size : {std::size_t{100}, std::size_t{20'000}, std::size_t{100}}) {
    looking messages(server.url("/" + std::string(size, 'x')));
    run_on(loop, looked(client, messages));
    EXPECT_GE(messages.of_response, size) << "the server sends back what it was asked";
    looking next(server.url("/to"));
    run_on(loop, looked(client, next));
    EXPECT_EQ(next.of_request >= size, size == 100) << "the memory of the request before";
    EXPECT_EQ(next.of_response >= size, size == 100) << "and of its response";
  }
}

// As its caller asked for: it is his own failure.
TEST_P(in_place, what_fill_throws_is_thrown_and_nothing_is_sent) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const auto failed = failure_of([&] { sent(loop, client, to("http://")); });
  EXPECT_EQ(failed.kind, failure_kind::invalid_request);
  EXPECT_EQ(server.connections(), 0);
  EXPECT_EQ(sent(loop, client, to(server.url("/to"))).body, "here");
}

INSTANTIATE_TEST_SUITE_P(http, in_place, both_versions(), name_of_version);

}  // namespace
