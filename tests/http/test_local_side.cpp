#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/base/failure.hpp>

#include "http/connect/local_side.hpp"

#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace {

using boost::asio::ip::make_address;
using fanout::http::local_side;

int bound(const local_side& from) {
  const fanout::detail::owned_descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return from.bind(socket.value(), make_address("127.0.0.1"));
}

TEST(local_side, addresses_and_devices) {
  EXPECT_EQ(bound(local_side()), 0);
  EXPECT_EQ(bound(local_side("127.0.0.2")), 0);
  EXPECT_EQ(bound(local_side("host!127.0.0.2")), 0);
  EXPECT_EQ(bound(local_side("192.0.2.1")), EADDRNOTAVAIL);
  EXPECT_EQ(bound(local_side("::1")), EAFNOSUPPORT) << "the address to connect to is an IPv4 one";
  EXPECT_EQ(bound(local_side("if!no-such-dev")), ENODEV);
}

TEST(local_side, the_address_is_the_one_the_server_sees) {
  const fanout::detail::owned_descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(local_side("127.0.0.3").bind(socket.value(), make_address("127.0.0.1")), 0);
  sockaddr_in here{};
  socklen_t size = sizeof here;
  ASSERT_EQ(::getsockname(socket.value(), reinterpret_cast<sockaddr*>(&here), &size), 0);
  EXPECT_EQ(here.sin_addr.s_addr, htonl(0x7f000003));
}

TEST(local_side, what_is_neither) {
  for (const std::string& wrong :
       {std::string("host!eth0"), std::string("if!"), std::string(16, 'x'), std::string(1, '\0')})
    EXPECT_THROW(local_side{wrong}, fanout::error) << wrong;
}

}  // namespace
