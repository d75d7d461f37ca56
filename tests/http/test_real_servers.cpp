// Proxies and a name server that others wrote: tinyproxy, microsocks, dnsmasq.
#include "http/certificates.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"
#include "support/server_program.hpp"

#include <netdb.h>
#include <sys/socket.h>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;

/// Which of its addresses the system gives first is a matter of its hosts file.
scripted_server::address first_of_localhost() {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (::getaddrinfo("localhost", nullptr, &wanted, &found) != 0) return scripted_server::address::v4;
  const bool v6 = found->ai_family == AF_INET6;
  ::freeaddrinfo(found);
  return v6 ? scripted_server::address::v6 : scripted_server::address::v4;
}

class real_proxy : public http_test {
 protected:
  real_proxy() {
    tls_ = trusted_.server();
    options_.ca_file = trusted_.ca_file();
  }
  /// One connection for each of two requests over http and https, all through `proxy`.
  void expect_both_schemes() {
    scripted_server plain(always(ok("plain")), nullptr, on_), secure(always(ok("secure")), tls_.get(), on_);
    asio::io_context loop(1);
    const client through(options_);
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(get_on(loop, through, plain.url("/", host_)).body, "plain");
      EXPECT_EQ(get_on(loop, through, secure.url("/", host_)).body, "secure");
    }
    const auto answer = get_on(loop, through, secure.url("/", host_));
    EXPECT_TRUE(answer.measured.connection_reused);
    EXPECT_THAT(options_.proxy, HasSubstr(answer.measured.remote_address));
  }
  const issuer trusted_;
  server_tls tls_{nullptr, &SSL_CTX_free};
  client_options options_;
  std::string host_ = "127.0.0.1";
  scripted_server::address on_ = scripted_server::address::v4;
};

constexpr const char* tinyproxy_configuration =
    "Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nLogLevel Critical\nPidFile \"{directory}/pid\"\n";

TEST_F(real_proxy, tinyproxy) {
  server_program proxy("FANOUT_TINYPROXY", FANOUT_TINYPROXY, {"-d", "-c", "{directory}/configuration"},
                       tinyproxy_configuration);
  options_.proxy = "http://127.0.0.1:" + std::to_string(proxy.port());
  expect_both_schemes();
}

TEST_F(real_proxy, tinyproxy_that_wants_a_password) {
  server_program proxy("FANOUT_TINYPROXY", FANOUT_TINYPROXY, {"-d", "-c", "{directory}/configuration"},
                       std::string(tinyproxy_configuration) + "BasicAuth user secret\n");
  const std::string address = "127.0.0.1:" + std::to_string(proxy.port());
  options_.proxy = "http://user:secret@" + address;
  expect_both_schemes();
  options_.proxy = "http://user:wrong@" + address;
  scripted_server secure(always(ok("secure")), tls_.get());
  const auto failed = failure_of([&] { fetch(secure.url(), options_); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("40"));
}

TEST_F(real_proxy, microsocks) {
  server_program proxy("FANOUT_MICROSOCKS", FANOUT_MICROSOCKS, {"-i", "127.0.0.1", "-p", "{port}"});
  for (const std::string scheme : {"socks5://", "socks5h://"})
    for (const std::string host : {"127.0.0.1", "localhost"}) {
      host_ = host;
      // Of the addresses of a name that it looks up itself it tries the first one alone.
      on_ = scheme == "socks5h://" && host == "localhost" ? first_of_localhost() : scripted_server::address::v4;
      options_.proxy = scheme + "127.0.0.1:" + std::to_string(proxy.port());
      expect_both_schemes();
    }
}

TEST_F(real_proxy, microsocks_that_wants_a_password) {
  server_program proxy("FANOUT_MICROSOCKS", FANOUT_MICROSOCKS,
                       {"-i", "127.0.0.1", "-p", "{port}", "-u", "user", "-P", "secret"});
  const std::string address = "127.0.0.1:" + std::to_string(proxy.port());
  options_.proxy = "socks5h://user:secret@" + address;
  expect_both_schemes();
  for (const std::string wrong : {"socks5h://user:wrong@", "socks5h://"}) {
    options_.proxy = wrong + address;
    scripted_server plain(always(ok("x")));
    EXPECT_EQ(failure_of([&] { fetch(plain.url(), options_); }).kind, failure_kind::connect);
  }
}

TEST_F(real_proxy, microsocks_says_why_it_does_not_connect) {
  server_program proxy("FANOUT_MICROSOCKS", FANOUT_MICROSOCKS, {"-i", "127.0.0.1", "-p", "{port}"});
  options_.proxy = "socks5h://127.0.0.1:" + std::to_string(proxy.port());
  const auto failed = failure_of([&] { fetch("http://127.0.0.1:1/", options_); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("does not connect to 127.0.0.1:1: the connection was refused"));
}

fanout::task<void> look_up(fanout::http::resolver& names, fanout::http::notifier& wake, std::string host, int& found) {
  fanout::http::lookup asked(names, host, wake);
  while (!asked.done()) {
    auto woken = wake.wait();
    co_await std::move(woken);
  }
  found +=
      asked.addresses(fanout::http::family::v4).size() == 1 && asked.addresses(fanout::http::family::v6).size() == 1;
}

TEST_F(http_test, a_thousand_names_through_dnsmasq) {
  server_program server("FANOUT_DNSMASQ", FANOUT_DNSMASQ,
                        {"--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                         "--bind-interfaces", "--listen-address=127.0.0.1", "--port={port}", "--user=", "--group=",
                         "--pid-file=", "--address=/many.test/192.0.2.1", "--address=/many.test/2001:db8::1"});
  asio::io_context loop(1);
  auto& names = fanout::http::loop_state::of(loop.get_executor()).names();
  names.use_servers("127.0.0.1:" + std::to_string(server.port()));
  std::deque<fanout::http::notifier> wakes;
  int found = 0;
  for (int i = 0; i < 1000; ++i)
    asio::co_spawn(loop, look_up(names, wakes.emplace_back(loop), "host" + std::to_string(i) + ".many.test", found),
                   [](std::exception_ptr failed) { EXPECT_EQ(failed, nullptr); });
  loop.run();
  EXPECT_EQ(found, 1000);
}

}  // namespace
