// How connections are opened: over unix sockets, through proxies and tunnels, with TLS within TLS.
#include "http/certificates.hpp"
#include "http/support.hpp"
#include "http/unix_server.hpp"
#include "support/temporary_directory.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout_test;
using namespace std::string_literals;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::StartsWith;

using opened = http_test;

TEST_F(opened, a_unix_socket_stands_for_every_host) {
  temporary_directory directory;
  unix_server server(directory / "socket");
  client_options options;
  options.unix_socket = directory / "socket";
  asio::io_context loop(1);
  const client through(options);
  const auto first = get_on(loop, through, "http://any.test/");
  EXPECT_EQ(first.body, "from the socket");
  EXPECT_EQ(first.measured.remote_address, "unix:" + options.unix_socket);
  EXPECT_TRUE(get_on(loop, through, "http://any.test/").measured.connection_reused);
  EXPECT_EQ(server.connections(), 1);
}

class proxied : public http_test {
 protected:
  client_options through(const scripted_server& proxy, const std::string& scheme = "http",
                         const std::string& user = "") {
    client_options options;
    options.proxy = scheme + "://" + user + "127.0.0.1:" + std::to_string(proxy.port());
    return options;
  }
};

TEST_F(proxied, plain_requests_are_in_absolute_form_and_share_connections) {
  std::mutex lock;
  std::vector<std::string> requests;
  scripted_server proxy([&](peer& to, int) {
    for (std::string request; !(request = to.read_request()).empty(); to.send(ok("via"))) {
      const std::lock_guard guard(lock);
      requests.push_back(request);
    }
  });
  asio::io_context loop(1);
  const client one(through(proxy, "http", "user:secret@"));
  EXPECT_EQ(get_on(loop, one, "http://a.test/x?y").body, "via");
  const auto second = get_on(loop, one, "http://b.test:81/");
  EXPECT_TRUE(second.measured.connection_reused) << "one connection to the proxy serves all hosts";
  EXPECT_EQ(second.measured.remote_address, "127.0.0.1:" + std::to_string(proxy.port()));
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_THAT(requests[0], StartsWith("GET http://a.test/x?y HTTP/1.1\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("Host: a.test\r\n"));
  EXPECT_THAT(requests[0], HasSubstr("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
  EXPECT_THAT(requests[1], StartsWith("GET http://b.test:81/ HTTP/1.1\r\n"));
  // Another user's connection is another connection.
  EXPECT_FALSE(get_on(loop, client(through(proxy)), "http://a.test/").measured.connection_reused);
}

TEST_F(proxied, a_407_is_the_response_to_a_plain_request) {
  scripted_server proxy(always("HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_EQ(fetch("http://a.test/", through(proxy)).status, 407);
}

TEST_F(proxied, hosts_that_are_excepted_are_reached_directly) {
  scripted_server proxy(always(ok("via"))), server(always(ok("direct")));
  auto options = through(proxy);
  options.no_proxy = "127.0.0.0/8";
  EXPECT_EQ(fetch(server.url(), options).body, "direct");
  EXPECT_EQ(fetch("http://a.test/", options).body, "via");
}

TEST_F(proxied, https_goes_through_a_tunnel) {
  const issuer trusted;
  certificate_options names;
  names.names = "DNS:inside.test";
  const auto tls = trusted.server(names);
  std::string asked;
  scripted_server proxy([&](peer& to, int) {
    asked = to.read_request();
    to.send("HTTP/1.1 200 Connection established\r\n\r\n");
    to.start_tls(tls.get());
    while (!to.read_request().empty()) to.send(ok("inside"));
  });
  auto options = through(proxy, "http", "user:secret@");
  options.ca_file = trusted.ca_file();
  asio::io_context loop(1);
  const client one(options);
  const auto answer = get_on(loop, one, "https://inside.test/");
  EXPECT_EQ(answer.body, "inside");
  EXPECT_TRUE(get_on(loop, one, "https://inside.test/").measured.connection_reused);
  EXPECT_THAT(asked, StartsWith("CONNECT inside.test:443 HTTP/1.1\r\nHost: inside.test:443\r\n"));
  EXPECT_THAT(asked, HasSubstr("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n"));
}

TEST_F(proxied, https_to_the_proxy_protects_plain_requests) {
  const issuer trusted;
  const auto tls = trusted.server();
  scripted_server proxy(always(ok("via TLS")), tls.get());
  auto options = through(proxy, "https");
  options.proxy_ca_file = trusted.ca_file();
  EXPECT_EQ(fetch("http://a.test/", options).body, "via TLS");
}

TEST_F(proxied, what_is_meant_for_servers_does_not_hold_for_an_https_proxy) {
  const issuer trusted;
  certificate_options names;
  names.names = "DNS:inside.test";
  const auto outer = trusted.server(), inner = trusted.server(names);
  std::atomic<int> shown_outside{0}, shown_inside{0};
  const auto count_certificates = [](SSL_CTX* context, std::atomic<int>& shown) {
    SSL_CTX_set_app_data(context, &shown);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(
        context,
        [](X509_STORE_CTX* checked, void*) {
          auto* const session =
              static_cast<SSL*>(X509_STORE_CTX_get_ex_data(checked, SSL_get_ex_data_X509_STORE_CTX_idx()));
          ++*static_cast<std::atomic<int>*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(session)));
          return 1;
        },
        nullptr);
  };
  count_certificates(outer.get(), shown_outside);
  count_certificates(inner.get(), shown_inside);
  scripted_server proxy(
      [&](peer& to, int) {
        if (to.read_request().empty()) return;
        to.send("HTTP/1.1 200 Connection established\r\n\r\n");
        if (!to.start_tls(inner.get())) return;
        while (!to.read_request().empty()) to.send(ok("inside"));
      },
      outer.get());
  const temporary_directory root;
  const auto mine = trusted.files(root, "client");
  asio::io_context loop(1);

  auto options = through(proxy, "https");
  options.certificate_file = mine.certificate;
  options.key_file = mine.key;
  options.resume_tls = false;  // each handshake may show the certificate
  options.ca_file = trusted.ca_file();
  const auto untrusted = failure_of([&] { get_on(loop, client(options), "https://inside.test/"); });
  EXPECT_EQ(untrusted.kind, failure_kind::tls);
  EXPECT_THAT(untrusted.message,
              testing::AllOf(HasSubstr(options.proxy), HasSubstr("--proxy-cacert"), HasSubstr("--proxy-insecure")));
  options.ca_file.clear();
  options.verify_tls = false;
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options), "https://inside.test/"); }).kind, failure_kind::tls);

  options.verify_proxy_tls = false;
  EXPECT_EQ(get_on(loop, client(options), "https://inside.test/").body, "inside");
  options.verify_proxy_tls = true;
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options), "https://inside.test/"); }).kind, failure_kind::tls)
      << "the open tunnel leads through a proxy that was not verified";
  options.proxy_ca_file = trusted.ca_file();
  EXPECT_EQ(get_on(loop, client(options), "https://inside.test/").body, "inside");
  EXPECT_EQ(shown_inside, 2);
  options.verify_tls = true;
  EXPECT_THAT(failure_of([&] { get_on(loop, client(options), "https://inside.test/"); }).message,
              testing::AllOf(HasSubstr("inside.test:443 failed: the certificate's issuer is unknown"),
                             HasSubstr("(--cacert)")));
  EXPECT_EQ(shown_outside, 0) << "the client's certificate is not the proxy's to see";
}

TEST_F(proxied, tls_within_the_tls_of_a_proxy) {
  const issuer trusted;
  certificate_options names;
  names.names = "DNS:inside.test";
  const auto outer = trusted.server(), inner = trusted.server(names);
  const std::string large(3'000'000, 'x');
  std::atomic<int> cut_off{-1};
  scripted_server proxy(
      [&](peer& to, int) {
        if (!to.read_request().starts_with("CONNECT inside.test:443 ")) return;
        to.send("HTTP/1.1 200 Connection established\r\n\r\n");
        if (cut_off == 0) return;
        if (!to.start_tls(inner.get())) return;
        while (!to.read_request().empty()) {
          if (cut_off == 1) {
            to.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
            return;
          }
          to.send(ok(large));
        }
      },
      outer.get());
  auto options = through(proxy, "https");
  options.ca_file = options.proxy_ca_file = trusted.ca_file();
  asio::io_context loop(1);
  const client one(options);
  EXPECT_EQ(get_on(loop, one, "https://inside.test/").body, large);
  const auto again = get_on(loop, one, "https://inside.test/");
  EXPECT_EQ(again.body, large);
  EXPECT_TRUE(again.measured.connection_reused);

  fanout::http::request what;
  what.url = fanout::http::url("https://inside.test/");
  what.method = "POST";
  what.body = large;
  EXPECT_EQ(run_on(loop, one.send(what)).status, 200) << "a body that fills the buffers of both";

  // What ends the outer connection ends the inner one, and each certificate is checked for its own host.
  cut_off = 0;
  EXPECT_EQ(failure_of([&] { fetch("https://inside.test/", options); }).kind, failure_kind::tls);
  cut_off = 1;
  EXPECT_THAT(failure_of([&] { fetch("https://inside.test/", options); }).message, HasSubstr("after 2 of 5 bytes"));
  cut_off = -1;
  options.resolve = {"proxy.test:" + std::to_string(proxy.port()) + ":127.0.0.1"};
  options.proxy = "https://proxy.test:" + std::to_string(proxy.port());
  EXPECT_THAT(failure_of([&] { fetch("https://inside.test/", options); }).message, HasSubstr("proxy.test"));
}

TEST_F(proxied, refusals_of_a_tunnel_are_failures_to_connect) {
  for (const auto& [answer, message] : {std::pair{"HTTP/1.1 407 Who\r\n\r\n"s, "wants a user name and password"},
                                        {"HTTP/1.1 403 No\r\n\r\n"s, "refuses to connect to a.test:443 (403 No)"},
                                        {"HTTP/1.1 302 Go\r\nLocation: http://evil/\r\n\r\n"s, "302"},
                                        {"garbage\r\n"s, "does not speak HTTP"},
                                        {"HTTP/1.1 200 OK\r\nX: "s + std::string(100'000, 'x'), "header"},
                                        {"HTTP/1.1 200 OK\r\n\r\nearly bytes"s, "nobody asked for"},
                                        {""s, "closed the connection"}}) {
    scripted_server proxy([&, text = answer](peer& to, int) {
      to.read_request();
      to.send(text);
    });
    const auto failed = failure_of([&] { fetch("https://a.test/", through(proxy)); });
    EXPECT_EQ(failed.kind, failure_kind::connect) << failed.message;
    EXPECT_THAT(failed.message, HasSubstr(message));
    EXPECT_THAT(failed.message, HasSubstr("http://127.0.0.1:" + std::to_string(proxy.port())));
  }
}

TEST_F(proxied, a_proxy_that_is_silent_or_drips_is_a_timeout) {
  for (const std::string scheme : {"http", "socks5h"}) {
    scripted_server proxy([](peer& to, int) { to.wait_until_closed(); });
    auto options = through(proxy, scheme);
    options.connect_timeout = 40ms;
    const auto failed = failure_of([&] { fetch("https://a.test/", options); });
    EXPECT_EQ(failed.kind, failure_kind::timeout);
    EXPECT_THAT(failed.message, HasSubstr("connect timeout"));
  }
}

// Whatever the proxy has said when it hangs up, by an orderly end or a reset: a clear failure, at every byte.
TEST_F(proxied, tunnels_cut_at_every_byte) {
  const std::string connect = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
  const std::string socks = "\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s;
  for (const bool reset : {false, true})
    for (const auto& [scheme, answer] : {std::pair{"http"s, connect}, {"socks5h"s, socks}})
      for (std::size_t cut = 0; cut < answer.size(); ++cut) {
        scripted_server proxy([&, text = answer.substr(0, cut), first = scheme == "http"](peer& to, int) {
          if (first) to.read_request();
          to.send(text);
          if (reset) to.reset();
        });
        const auto failed = failure_of([&] { fetch("https://a.test/", through(proxy, scheme)); });
        EXPECT_EQ(failed.kind, failure_kind::connect) << scheme << " cut after " << cut << ": " << failed.message;
      }
}

TEST_F(proxied, socks5_tells_the_name_or_the_address) {
  std::mutex lock;
  std::string asked;
  scripted_server proxy([&](peer& to, int) {
    to.read_exactly(3);
    to.send("\x05\x00"s);
    std::string request = to.read_exactly(5);
    request += to.read_exactly(request[3] == 3 ? static_cast<std::size_t>(request[4]) + 2 : 5);
    {
      const std::lock_guard guard(lock);
      asked = request;
    }
    to.send("\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50"s);
    while (!to.read_request().empty()) to.send(ok("through socks"));
  });
  EXPECT_EQ(fetch("http://a.test:8080/", through(proxy, "socks5h")).body, "through socks");
  EXPECT_EQ(asked, "\x05\x01\x00\x03\x06"s + "a.test\x1f\x90"s);
  auto options = through(proxy, "socks5");
  options.resolve = {"a.test:8080:192.0.2.7"};
  EXPECT_EQ(fetch("http://a.test:8080/", options).body, "through socks");
  EXPECT_EQ(asked, "\x05\x01\x00\x01\xc0\x00\x02\x07\x1f\x90"s);
}

TEST_F(proxied, a_proxy_that_is_not_there_is_named) {
  client_options options;
  {
    scripted_server gone(always(""));
    options = through(gone);
  }
  const auto failed = failure_of([&] { fetch("http://a.test/", options); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("no connection to the proxy " + options.proxy + " for a.test:80"));
}

}  // namespace
