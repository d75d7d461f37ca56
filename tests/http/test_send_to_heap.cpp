#include <fanout/http/detail/send_to_heap.hpp>

#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::request;
using fanout::http::response;
using fanout::http::send_to_heap;
using fanout::http::url;

// Leads from /from to /to, and from /away to what is no web page.
void lead_on(peer& client, int) {
  for (std::string received = client.read_request(); !received.empty(); received = client.read_request()) {
    if (received.starts_with("GET /from "))
      client.send("HTTP/1.1 302 Found\r\nLocation: /to\r\nContent-Length: 0\r\n\r\n");
    else if (received.starts_with("GET /away "))
      client.send("HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\nContent-Length: 5\r\n\r\nthere");
    else
      client.send(ok("here"));
  }
}

class to_heap : public each_version {};

request get(const scripted_server& from, const std::string& path) {
  request what;
  what.url = url(from.url(path));
  return what;
}

TEST_P(to_heap, is_the_response_of_send) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const std::unique_ptr<response> made = run_on(loop, send_to_heap(client, get(server, "/from")));
  const response same = run_on(loop, client.send(get(server, "/from")));
  EXPECT_EQ(made->status, 200);
  EXPECT_EQ(made->body, "here");
  EXPECT_EQ(made->url.str(), same.url.str());
  EXPECT_EQ(made->url.str(), server.url("/to"));
  ASSERT_EQ(made->history.size(), 1u);
  EXPECT_EQ(made->history.front().status, 302);
  EXPECT_EQ(made->measured.redirects, 1);
}

TEST_P(to_heap, a_failure_leaves_nothing_for_the_next_response) {
  scripted_server server(lead_on);
  asio::io_context loop(1);
  const by_version::client client;
  const auto failed = failure_of([&] { run_on(loop, send_to_heap(client, get(server, "/away"))); });
  EXPECT_EQ(failed.kind, failure_kind::refused_by_policy);
  EXPECT_EQ(failed.attempts, 1);
  const std::unique_ptr<response> next = run_on(loop, send_to_heap(client, get(server, "/to")));
  EXPECT_EQ(next->body, "here");
  EXPECT_FALSE(next->headers.contains("Location"));
  EXPECT_TRUE(next->history.empty());
}

INSTANTIATE_TEST_SUITE_P(http, to_heap, both_versions(), name_of_version);

}  // namespace
