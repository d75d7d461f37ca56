#include "http/any_stream.hpp"
#include "http/certificates.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using fanout::http::client_options;
using fanout::http::http_version;
using fanout::http::http_versions;
using fanout_test::by_version::client;

class any_stream : public http_test {};

// The request was prepared for the version that the client would rather speak.
TEST_F(any_stream, a_server_that_chooses_http_1_1_is_sent_that) {
  const issuer trusted;
  const auto tls = trusted.server();
  scripted_server server(always(ok("hello")), tls.get());
  client_options options;
  options.ca_file = trusted.ca_file();
  options.http_version = http_versions::http_2;
  asio::io_context loop(1);
  const client through(options);
  for (int i = 0; i < 2; ++i) {
    const auto answer = get_on(loop, through, server.url());
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.version, http_version::v1_1);
    EXPECT_EQ(answer.measured.connection_reused, i == 1);
  }
}

// Each opens its own connection as soon as the first one turns out to have no streams for others.
TEST_F(any_stream, hosts_that_do_not_multiplex_are_not_waited_for) {
  const issuer trusted;
  const auto tls = trusted.server();
  std::atomic<int> asked{0};
  scripted_server server(
      [&](peer& with, int) {
        if (with.read_request().empty()) return;
        ++asked;
        while (asked < 5) std::this_thread::yield();  // answers only when all are there
        with.send(ok("hello"));
        with.wait_until_closed();
      },
      tls.get());
  client_options options;
  options.ca_file = trusted.ca_file();
  options.http_version = http_versions::http_2;
  asio::io_context loop(1);
  const client through(options);
  int done = 0;
  for (int i = 0; i < 5; ++i)
    asio::co_spawn(loop, through.get(server.url()), [&](std::exception_ptr failed, fanout::http::response answer) {
      EXPECT_EQ(failed, nullptr);
      done += answer.body == "hello";
    });
  loop.run();
  EXPECT_EQ(done, 5);
}

}  // namespace
