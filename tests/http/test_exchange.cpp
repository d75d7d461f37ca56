// What an exchange decides: whether a request is sent once more, and whether the server is asked before its body is
// sent.
#include "http/support.hpp"

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

using exchanges = http_test;

// The first connection answers one request and ends at the second one, before a byte of the answer.
class dies_on_reuse : public http_test {
 protected:
  fanout::http::response second_request(const std::string& method, bool reset) {
    scripted_server server([&](peer& to, int number) {
      to.read_request();
      to.send(ok("x"));
      if (to.read_request().empty()) return;
      if (number == 0) {
        if (reset) to.reset();
        return;
      }
      to.send(ok("y"));
      to.wait_until_closed();
    });
    asio::io_context loop(1);
    client_options options;
    options.max_connections_per_host = 1;  // so that whoever can send only once takes the old one, too
    const client through(options);
    get_on(loop, through, server.url());
    request what;
    what.method = method;
    what.url = url(server.url());
    auto answer = run_on(loop, through.send(std::move(what)));
    connections_ = server.connections();
    return answer;
  }
  int connections_ = 0;
};

TEST_F(dies_on_reuse, an_idempotent_request_is_sent_once_more) {
  for (const bool reset : {false, true}) {
    const auto answer = second_request("GET", reset);
    EXPECT_EQ(answer.body, "x") << "the second connection's first answer";
    EXPECT_EQ(answer.measured.attempts, 2);
    EXPECT_EQ(connections_, 2);
  }
}

TEST_F(dies_on_reuse, any_other_request_is_not) {
  const auto failed = failure_of([&] { second_request("POST", false); });
  EXPECT_EQ(failed.kind, failure_kind::protocol);
  EXPECT_EQ(failed.attempts, 1);
}

TEST_F(exchanges, on_a_fresh_connection_that_dies_are_not_tried_again) {
  scripted_server server([](peer& to, int) { to.read_request(); });
  asio::io_context loop(1);
  EXPECT_EQ(failure_of([&] { get_on(loop, client::shared(), server.url()); }).kind, failure_kind::protocol);
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(exchanges, are_tried_again_only_once) {
  scripted_server server([](peer& to, int number) {
    to.read_request();
    if (number == 0) to.send(ok("x"));
    to.read_request();
  });
  asio::io_context loop(1);
  get_on(loop, client::shared(), server.url());
  // On the second connection the server reads one request and waits for another that never comes.
  client_options options;
  options.idle_timeout = 50ms;
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options), server.url()); }).kind, failure_kind::timeout);
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(exchanges, are_not_tried_again_after_the_first_byte) {
  scripted_server server([](peer& to, int) {
    to.read_request();
    to.send(ok("x"));
    to.read_request();
    to.send("H");
  });
  asio::io_context loop(1);
  get_on(loop, client::shared(), server.url());
  EXPECT_EQ(failure_of([&] { get_on(loop, client::shared(), server.url()); }).kind, failure_kind::protocol);
  EXPECT_EQ(server.connections(), 1);
}

class expectations : public each_version {
 protected:
  void TearDown() override {
    owned_.reset();  // with its connections
    each_version::TearDown();
  }
  static request asking(const scripted_server& server) {
    request what;
    what.method = "PUT";
    what.url = url(server.url());
    what.body = "the body";
    what.expect_continue = true;
    return what;
  }
  static fanout::http::response send_on(asio::io_context& loop, request what, client_options options = {}) {
    return run_on(loop, client(std::move(options)).send(std::move(what)));
  }
  std::unique_ptr<asio::io_context> owned_ = std::make_unique<asio::io_context>(1);
  asio::io_context& loop_ = *owned_;
};

TEST_P(expectations, the_body_follows_the_servers_word) {
  std::string head, body;
  scripted_server server([&](peer& client, int) {
    head = client.read_until("\r\n\r\n");
    client.send("HTTP/1.1 100 Continue\r\n\r\n");
    body = client.read_until("the body");
    client.send(ok("done"));
  });
  client_options patient;
  patient.continue_timeout = 20s;  // must not expire
  EXPECT_EQ(send_on(loop_, asking(server), patient).body, "done");
  EXPECT_THAT(head, EndsWith("Content-Length: 8\r\nExpect: 100-continue\r\n\r\n")) << "no byte of the body is in it";
  EXPECT_EQ(body, "the body");
}

TEST_P(expectations, a_server_that_says_nothing_gets_the_body_after_a_while) {
  scripted_server server([&](peer& client, int) {
    client.read_until("\r\n\r\nthe body");
    client.send(ok("done"));
  });
  client_options impatient;
  impatient.continue_timeout = 1ms;  // must expire
  EXPECT_EQ(send_on(loop_, asking(server), impatient).body, "done");
}

TEST_P(expectations, a_refusal_is_the_response_and_the_body_is_not_sent) {
  std::promise<std::string> rest;
  scripted_server server([&](peer& client, int) {
    client.read_until("\r\n\r\n");
    client.send("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    if (!over_h2()) rest.set_value(client.read_until("the body"));
  });
  client_options patient;
  patient.continue_timeout = 20s;
  EXPECT_EQ(send_on(loop_, asking(server), patient).status, 401);
  if (!over_h2()) {
    EXPECT_EQ(rest.get_future().get(), "") << "the connection was closed instead";
  }
}

TEST_P(expectations, a_server_that_cannot_be_asked_is_not_asked_again) {
  std::vector<std::string> seen;
  scripted_server server([&](peer& client, int number) {
    if (number == 0) {
      seen.push_back(client.read_until("\r\n\r\n"));
      client.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
      if (!over_h2()) return;  // where the connection goes on
    }
    seen.push_back(client.read_request());
    client.send(ok("done"));
  });
  client_options patient;
  patient.continue_timeout = 20s;
  const auto answer = send_on(loop_, asking(server), patient);
  EXPECT_EQ(answer.body, "done");
  EXPECT_EQ(answer.measured.attempts, 2);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_THAT(seen[1], Not(HasSubstr("Expect")));
}

TEST_P(expectations, are_the_clients_to_state) {
  scripted_server server([&](peer& client, int) { client.wait_until_closed(); });
  request what = asking(server);
  what.headers.add("Expect", "100-continue");
  EXPECT_EQ(failure_of([&] { send_on(loop_, what); }).kind, failure_kind::invalid_request);
}

INSTANTIATE_TEST_SUITE_P(versions, expectations, both_versions(), name_of_version);

}  // namespace
