// What is sent.
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::request;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Answers with what it received.
void send_back(peer& client, int) {
  for (std::string received = client.read_request(); !received.empty(); received = client.read_request())
    client.send(ok(received));
}

class requests : public each_version {
 protected:
  std::string sent(request what) {
    asio::io_context loop(1);
    if (what.url.empty()) what.url = url(server_->url("/p?q"));
    return run_on(loop, client().send(std::move(what))).body;
  }
  void SetUp() override {
    each_version::SetUp();
    server_ = std::make_unique<scripted_server>(send_back);
  }
  void TearDown() override {
    server_.reset();
    each_version::TearDown();
  }
  std::unique_ptr<scripted_server> server_;
};

TEST_P(requests, a_plain_get) {
  EXPECT_EQ(sent({}),
            "GET /p?q HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server_->port()) +
                "\r\nUser-Agent: fanout/0.1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n");
}

TEST_P(requests, own_fields_replace_those_of_the_client) {
  if (over_h2()) GTEST_SKIP() << "names are in lower case there: see test_h2_request.cpp";
  request what;
  what.headers = {{"accept", "text/html"},  {"USER-AGENT", "me"}, {"Host", "other"}, {"X", "1"}, {"X", "2"},
                  {"accept-encoding", "br"}};
  EXPECT_EQ(sent(std::move(what)),
            "GET /p?q HTTP/1.1\r\naccept: text/html\r\nUSER-AGENT: me\r\nHost: other\r\nX: 1\r\nX: 2\r\n"
            "accept-encoding: br\r\n\r\n");
}

TEST_P(requests, bodies_have_a_length) {
  request what;
  what.method = "POST";
  what.body = "a=b";
  EXPECT_THAT(sent(what), HasSubstr("\r\nContent-Length: 3\r\n\r\na=b"));
  what.body.clear();
  EXPECT_THAT(sent(what), HasSubstr("Content-Length: 0\r\n"));
  what.method = "DELETE";
  EXPECT_THAT(sent(what), Not(HasSubstr("Content-Length")));
}

TEST_P(requests, a_large_body_arrives_whole) {
  request what;
  what.method = "PUT";
  for (int i = 0; i < 800'000; ++i) what.body += static_cast<char>('a' + i % 23);
  EXPECT_TRUE(sent(what).ends_with("\r\n\r\n" + what.body));
}

TEST_P(requests, the_urls_user_is_basic_authorization) {
  request what;
  what.url = url("http://Aladdin:open%20sesame@127.0.0.1:" + std::to_string(server_->port()) + "/");
  EXPECT_THAT(sent(what), HasSubstr("\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
  what.headers.add("Authorization", "Bearer x");
  EXPECT_THAT(sent(what), Not(HasSubstr("Basic")));
}

TEST_P(requests, nothing_that_would_inject_is_ever_sent) {
  const auto kind = [&](auto change) {
    request what;
    change(what);
    return failure_of([&] { sent(std::move(what)); }).kind;
  };
  const auto bad = failure_kind::invalid_request;
  for (const char* method : {"GET / HTTP/1.1\r\nX:", "", "G T", "G\tT", "GET\n"})
    EXPECT_EQ(kind([&](request& what) { what.method = method; }), bad) << method;
  EXPECT_EQ(kind([](request& what) { what.method = std::string("G\0T", 3); }), bad);
  for (const char* value : {"a\r\nX: y", "a\nb", "a\rb", "\x01", "\x7f"})
    EXPECT_EQ(kind([&](request& what) { what.headers.add("X", value); }), bad) << value;
  EXPECT_EQ(kind([](request& what) { what.headers.add("X", {"a\0b", 3}); }), bad);
  for (const char* name : {"", "X Y", "X:", "X\r\nY", "\xC3\xBC"})
    EXPECT_EQ(kind([&](request& what) { what.headers.add(name, "v"); }), bad) << name;
  EXPECT_EQ(kind([](request& what) { what.headers.add("Content-Length", "5"); }), bad);
  EXPECT_EQ(kind([](request& what) { what.headers.add("Transfer-Encoding", "chunked"); }), bad);
  EXPECT_EQ(kind([](request& what) { what.headers = {{"Content-Length", "0"}, {"content-length", "0"}}; }), bad);
  EXPECT_EQ(kind([](request& what) { what.headers = {{"Host", "a"}, {"host", "a"}}; }), bad);
  EXPECT_EQ(kind([](request& what) { what.method = "CONNECT"; }), bad) << "its target is no path";
  EXPECT_EQ(server_->connections(), 0) << "refused before a connection was made";
}

TEST_P(requests, without_a_url_there_is_nothing_to_send) {
  asio::io_context loop(1);
  const auto failed = failure_of([&] { run_on(loop, client().send({})); });
  EXPECT_EQ(failed.kind, failure_kind::invalid_request);
}

TEST_P(requests, a_malformed_url_fails_when_awaited) {
  asio::io_context loop(1);
  auto pending = client().get("nonsense");  // does not throw here
  EXPECT_EQ(failure_of([&] { run_on(loop, std::move(pending)); }).kind, failure_kind::invalid_request);
}

TEST_P(requests, a_status_of_400_or_above_is_an_exception_only_on_demand) {
  scripted_server server(always("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
  const auto answer = fetch(server.url("/x"));
  EXPECT_EQ(answer.status, 404);
  EXPECT_FALSE(answer.ok());
  const auto failed = failure_of([&] { answer.raise_for_status(); });
  EXPECT_EQ(failed.kind, failure_kind::status);
  EXPECT_THAT(failed.message,
              HasSubstr(server.url("/x") + " answered with status 404" + (over_h2() ? "" : " Not Found")));
  fanout::http::response fine;
  fine.status = 399;
  fine.raise_for_status();
}

TEST_P(requests, a_server_that_answers_before_it_read_the_body_is_heard) {
  scripted_server server([](peer& client, int) {
    client.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    client.wait_until_closed();
  });
  request what;
  what.method = "POST";
  what.url = url(server.url());
  what.body.assign(100'000, 'x');
  asio::io_context loop(1);
  EXPECT_EQ(run_on(loop, client().send(std::move(what))).status, 413);
}

INSTANTIATE_TEST_SUITE_P(versions, requests, both_versions(), name_of_version);

}  // namespace
