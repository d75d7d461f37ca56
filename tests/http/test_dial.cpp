// From a host to a socket: zones of IPv6 addresses. What is refused is in test_address_policy.cpp, races of addresses
// are in test_connection_race.cpp, and names in test_resolver.cpp.
#include "http/connect/dial.hpp"
#include "http/support.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include <net/if.h>

#include <thread>

namespace {

using namespace fanout_test;
using asio::ip::tcp;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout::http::host_to_dial;
using fanout::http::url;
using fanout_test::by_version::client;
using testing::HasSubstr;
using testing::Not;

TEST(dial, a_zone_becomes_the_number_of_its_interface) {
  const std::string number = std::to_string(::if_nametoindex("lo"));
  EXPECT_EQ(host_to_dial(url("http://[fe80::1%25lo]/")), "fe80::1%" + number);
  EXPECT_EQ(host_to_dial(url("http://[fe80::1%257]/")), "fe80::1%7");
  EXPECT_EQ(host_to_dial(url("http://[fe80::1]/")), "fe80::1");
  EXPECT_EQ(host_to_dial(url("http://h.test/")), "h.test");
  const auto failed = failure_of([] { host_to_dial(url("http://[fe80::1%25nosuch]/")); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("no network interface 'nosuch'"));
}

/// Answers one request on ::1, and keeps it.
class v6_server {
 public:
  v6_server() {
    boost::system::error_code failed;
    acceptor_.open(tcp::v6(), failed);
    if (!failed) acceptor_.bind({asio::ip::address_v6::loopback(), 0}, failed);
    if (!failed) acceptor_.listen(1, failed);
    if (failed) return;
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] {
      boost::system::error_code gone;
      tcp::socket client(loop_);
      acceptor_.accept(client, gone);
      if (!gone) asio::read_until(client, asio::dynamic_buffer(request_), "\r\n\r\n", gone);
      if (!gone) asio::write(client, asio::buffer(ok("hello")), gone);
    });
  }
  ~v6_server() { join(); }
  std::uint16_t port() const noexcept { return port_; }
  const std::string& request() {
    join();
    return request_;
  }

 private:
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  asio::io_context loop_;
  tcp::acceptor acceptor_{loop_};
  std::uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

class zones : public http_test {};

TEST_F(zones, are_connected_to_and_not_sent) {
  v6_server server;
  if (server.port() == 0) GTEST_SKIP() << "this machine has no IPv6";
  const std::string port = std::to_string(server.port());
  const auto answer = fetch("http://[::1%25lo]:" + port + "/x");
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.url.zone(), "lo");
  EXPECT_THAT(server.request(), HasSubstr("\r\nHost: [::1]:" + port + "\r\n"));
  EXPECT_THAT(server.request(), Not(HasSubstr("lo]")));
}

// Where they lead is checked as for any address.
TEST_F(zones, are_no_way_around_public_only) {
  client_options options;
  options.public_only = true;
  for (const char* const place :
       {"http://[::1%25lo]:1/", "http://[fe80::1%25lo]:1/", "http://[::ffff:127.0.0.1%25lo]:1/"})
    EXPECT_EQ(failure_of([&] { fetch(place, options); }).kind, failure_kind::refused_by_policy) << place;
}

TEST_F(zones, are_not_told_to_a_proxy) {
  std::string asked;
  scripted_server proxy([&](peer& client, int) {
    asked = client.read_request();
    client.send(ok("through"));
  });
  client_options options;
  options.proxy = proxy.url();
  EXPECT_EQ(fetch("http://[fe80::1%25lo]:81/x", options).body, "through");
  EXPECT_THAT(asked, testing::StartsWith("GET http://[fe80::1]:81/x HTTP/1.1\r\nHost: [fe80::1]:81\r\n"));
}

}  // namespace
