// Where connections may lead: addresses that are given, and those that are refused.
#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;

using transports = http_test;

TEST_F(transports, a_unix_socket_that_is_not_there) {
  client_options options;
  options.unix_socket = "/nonexistent/socket";
  const auto failed = failure_of([&] { fetch("http://any.test/", options); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("/nonexistent/socket"));
  options.unix_socket = std::string(200, 'x');
  EXPECT_EQ(failure_of([&] { client{options}; }).kind, failure_kind::invalid_request);
}

TEST_F(transports, connections_are_not_shared_between_settings) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  client_options options;
  get_on(loop, client(options), server.url());
  options.resolve = {"other.test:1:127.0.0.1"};
  EXPECT_FALSE(get_on(loop, client(options), server.url()).measured.connection_reused);
  EXPECT_TRUE(get_on(loop, client(options), server.url()).measured.connection_reused) << "equal settings are one";
  options.public_only = true;
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options), server.url()); }).kind, failure_kind::refused_by_policy);
}

TEST_F(transports, addresses_that_are_given_wrongly) {
  for (const char* const wrong :
       {"", "a.test", "a.test:80", "a.test:x:127.0.0.1", "a.test:0:127.0.0.1", "-a.test:80", "a/b:80:127.0.0.1",
        "a b:80:127.0.0.1", "a.test:80:", "a.test:80:nonsense", "a.test:80:127.0.0.1,"}) {
    client_options options;
    options.resolve = {wrong};
    EXPECT_EQ(failure_of([&] { client{options}; }).kind, failure_kind::invalid_request) << wrong;
  }
}

TEST_F(transports, addresses_are_given_for_names_as_people_write_them) {
  scripted_server server(always(ok("x")));
  const std::string port = std::to_string(server.port());
  for (const auto& [given, asked] :
       {std::pair("B\xC3\xBC"s + "cher.test", "xn--bcher-kva.test"s), std::pair("a.test."s, "a.test"s),
        std::pair("a.test"s, "a.test."s), std::pair("+a.test"s, "A.test"s), std::pair("*"s, "a.test"s)}) {
    client_options options;
    options.resolve = {given + ":" + port + ":127.0.0.1"};
    EXPECT_EQ(fetch("http://" + asked + ":" + port + "/", options).body, "x") << given;
  }
}

TEST_F(transports, connections_to_somewhere_else) {
  scripted_server server(always(ok("x")));
  const std::string port = std::to_string(server.port());
  const auto body = [&](const std::string& entry, const std::string& url) {
    client_options options;
    options.connect_to = {"no.test:1:no.test:1", entry};
    return fetch(url, options).body;
  };
  EXPECT_EQ(body("A.test:80:127.0.0.1:" + port, "http://a.test/"), "x");
  EXPECT_EQ(body("::127.0.0.1:" + port, "http://a.test/"), "x");
  EXPECT_EQ(body("a.test::127.0.0.1:", "http://a.test:" + port + "/"), "x");
  EXPECT_EQ(body(":80::" + port, "http://127.0.0.1/"), "x");
  for (const char* const wrong : {"", "a", "a:80", "a:80:b", "a:x:b:80", "a:80:b:0", "a:80:b:65536", "a/b:80:c:1"}) {
    client_options options;
    options.connect_to = {wrong};
    EXPECT_EQ(failure_of([&] { client{options}; }).kind, failure_kind::invalid_request) << wrong;
  }
}

TEST_F(transports, addresses_of_one_family_only) {
  scripted_server server(always(ok("x")));
  client_options options;
  options.resolve = {"both.test:" + std::to_string(server.port()) + ":::1,127.0.0.1"};
  const std::string url = server.url("/", "both.test");
  options.family = fanout::http::address_family::v4;
  EXPECT_EQ(fetch(url, options).measured.remote_address, "127.0.0.1:" + std::to_string(server.port()));
  options.family = fanout::http::address_family::v6;
  const auto refused = failure_of([&] { fetch(url, options); });
  EXPECT_EQ(refused.kind, failure_kind::connect);
  EXPECT_THAT(refused.message, HasSubstr("::1: Connection refused"));
  const auto none = failure_of([&] { fetch(server.url(), options); });
  EXPECT_EQ(none.kind, failure_kind::dns);
  EXPECT_THAT(none.message, HasSubstr("127.0.0.1 has no IPv6 address"));
}

class public_only : public http_test {
 protected:
  public_only() {
    options_.public_only = true;
    options_.max_idle_connections = 0;
  }
  fanout::failure refusal(asio::io_context& loop, const std::string& url) {
    return failure_of([&] { get_on(loop, client(options_), url); });
  }
  client_options options_;
};

TEST_F(public_only, refuses_addresses_in_urls) {
  scripted_server server(always(ok("x")));
  asio::io_context loop(1);
  for (const char* const host : {"127.0.0.1", "[::1]", "localhost", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]",
                                 "[64:ff9b::7f00:1]", "[fd00::1]", "0.0.0.0", "224.0.0.1"}) {
    const auto refused = refusal(loop, server.url("/", host));
    EXPECT_EQ(refused.kind, failure_kind::refused_by_policy) << host << ": " << refused.message;
    EXPECT_THAT(refused.message, HasSubstr("only public addresses are allowed"));
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(public_only, refuses_what_names_resolve_to_whenever_they_do) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"inside.test", {"127.0.0.1", 0}},
                          {"v6.test", {"", 0, "::1"}},
                          {"mapped.test", {"", 0, "::ffff:127.0.0.1"}},
                          {"rebound.test", {"192.0.2.1", 0}}});
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor()).names().use_servers(names.address());
  for (const char* const host : {"inside.test", "v6.test", "mapped.test", "rebound.test"})
    EXPECT_EQ(refusal(loop, server.url("/", host)).kind, failure_kind::refused_by_policy) << host;
  // The answer changes between two look-ups: it is the address connected to that is checked, not an earlier one.
  names.set("rebound.test", {"127.0.0.1", 0});
  const auto refused = refusal(loop, server.url("/", "rebound.test"));
  EXPECT_EQ(refused.kind, failure_kind::refused_by_policy);
  EXPECT_THAT(refused.message, HasSubstr("127.0.0.1 is loopback"));
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(public_only, refuses_given_addresses_and_sockets) {
  asio::io_context loop(1);
  options_.resolve = {"given.test:80:127.0.0.1"};
  EXPECT_EQ(refusal(loop, "http://given.test/").kind, failure_kind::refused_by_policy);
  options_.unix_socket = "/nonexistent/socket";
  EXPECT_EQ(refusal(loop, "http://given.test/").kind, failure_kind::refused_by_policy);
}

TEST_F(public_only, refuses_what_a_redirect_leads_to) {
  scripted_server inside(always(ok("x")));
  // Through SOCKS, what stands at a public address can be played here.
  scripted_server proxy([&](peer& to, int) {
    to.read_exactly(3);
    to.send("\x05\x00"s);
    to.read_exactly(10);
    to.send("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s);
    while (to.read_request().starts_with("GET /out"))
      to.send("HTTP/1.1 302 There\r\nLocation: " + inside.url("/") + "\r\nContent-Length: 0\r\n\r\n");
    to.send(ok("public"));
  });
  asio::io_context loop(1);
  options_.proxy = "socks5://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(get_on(loop, client(options_), "http://8.8.8.8/").body, "public");
  const auto refused = refusal(loop, "http://8.8.8.8/out");
  EXPECT_EQ(refused.kind, failure_kind::refused_by_policy);
  EXPECT_THAT(refused.message, HasSubstr("127.0.0.1 is loopback"));
  EXPECT_EQ(inside.connections(), 0);
}

TEST_F(public_only, refuses_proxies_that_look_names_up_themselves) {
  scripted_server proxy(always(ok("x")));
  asio::io_context loop(1);
  for (const std::string scheme : {"http", "https", "socks5h"}) {
    options_.proxy = scheme + "://127.0.0.1:" + std::to_string(proxy.port());
    const auto refused = refusal(loop, "http://a.test/");
    EXPECT_EQ(refused.kind, failure_kind::refused_by_policy);
    EXPECT_THAT(refused.message, HasSubstr("would look up the address of a.test:80 itself"));
  }
  options_.proxy = "socks5://127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(refusal(loop, "http://127.0.0.1/").kind, failure_kind::refused_by_policy) << "checked before it is told";
  EXPECT_EQ(proxy.connections(), 0);
}

}  // namespace
