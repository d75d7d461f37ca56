#include "http/dns/address_policy.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::http::why_not_public;

struct expectation {
  const char* address;
  const char* why;  ///< empty: public
};

// The first and the last address of each range, and their neighbours outside.
constexpr expectation table[] = {
    {"0.0.0.0", "unspecified or this network"},
    {"0.255.255.255", "unspecified or this network"},
    {"1.0.0.0", ""},
    {"8.8.8.8", ""},
    {"9.255.255.255", ""},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", ""},
    {"100.63.255.255", ""},
    {"100.64.0.0", "shared by a carrier's NAT"},
    {"100.127.255.255", "shared by a carrier's NAT"},
    {"100.128.0.0", ""},
    {"126.255.255.255", ""},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", ""},
    {"169.253.255.255", ""},
    {"169.254.169.254", "link-local"},
    {"169.255.0.0", ""},
    {"172.15.255.255", ""},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", ""},
    {"192.0.0.8", "reserved for protocols"},
    {"192.0.1.0", ""},
    {"192.0.2.1", "for documentation"},
    {"192.0.3.0", ""},
    {"192.88.99.1", "a relay to IPv6"},
    {"192.167.255.255", ""},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", ""},
    {"198.17.255.255", ""},
    {"198.18.0.0", "for benchmarks"},
    {"198.19.255.255", "for benchmarks"},
    {"198.20.0.0", ""},
    {"198.51.100.1", "for documentation"},
    {"203.0.113.1", "for documentation"},
    {"223.255.255.255", ""},
    {"224.0.0.1", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.1", "reserved or broadcast"},
    {"255.255.255.255", "reserved or broadcast"},
    {"::", "unspecified"},
    {"::1", "loopback"},
    {"::2", "reserved"},
    {"::127.0.0.1", "reserved"},
    {"::ffff:127.0.0.1", "an IPv4 address in IPv6"},
    {"::ffff:8.8.8.8", "an IPv4 address in IPv6"},
    {"::ffff:0:127.0.0.1", "an IPv4 address in IPv6"},
    {"64:ff9b::10.0.0.1", "an IPv4 address behind NAT64"},
    {"64:ff9b::8.8.8.8", "an IPv4 address behind NAT64"},
    {"64:ff9b:1::1", "an IPv4 address behind NAT64"},
    {"100::1", "for discarding"},
    {"1fff:ffff::1", "reserved"},
    {"2001::1", "reserved for protocols"},
    {"2001:1ff:ffff::1", "reserved for protocols"},
    {"2001:200::1", ""},
    {"2001:db7:ffff::1", ""},
    {"2001:db8::1", "for documentation"},
    {"2001:db9::1", ""},
    {"2001:4860:4860::8888", ""},
    {"2002:7f00:1::1", "an IPv4 address behind 6to4"},
    {"2003::1", ""},
    {"2606:2800:220:1:248:1893:25c8:1946", ""},
    {"3ffe:ffff::1", ""},
    {"3fff::1", "for documentation"},
    {"3fff:1000::1", ""},
    {"4000::1", "reserved"},
    {"5f00::1", "for segment routing"},
    {"fbff::1", "reserved"},
    {"fc00::1", "unique-local"},
    {"fdff::1", "unique-local"},
    {"fe80::1", "link-local"},
    {"febf::1", "link-local"},
    {"fec0::1", "site-local"},
    {"ff02::1", "multicast"},
};

TEST(address_policy, knows_what_is_not_the_public_internet) {
  for (const auto& [address, why] : table)
    EXPECT_EQ(why_not_public(boost::asio::ip::make_address(address)), why) << address;
}

TEST(address_policy, a_zone_changes_nothing) {
  auto scoped = boost::asio::ip::make_address_v6("fe80::1");
  scoped.scope_id(1);
  EXPECT_EQ(why_not_public(scoped), "link-local");
}

}  // namespace
