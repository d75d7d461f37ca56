// In which order the addresses of a host are tried.
#include "http/dns/address_order.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

namespace {

using fanout::http::address_list;
using testing::ElementsAre;

address_list list(std::initializer_list<const char*> texts) {
  address_list made;
  for (const char* const each : texts) made.push_back(boost::asio::ip::make_address(each));
  return made;
}

std::vector<std::string> order(std::initializer_list<const char*> v6, std::initializer_list<const char*> v4) {
  std::vector<std::string> texts;
  for (const auto& each : fanout::http::in_turn(list(v6), list(v4))) texts.push_back(each.to_string());
  return texts;
}

TEST(address_order, families_take_turns_and_ipv6_begins) {
  EXPECT_THAT(order({"2001:db8::1", "2001:db8::2", "2001:db8::3"}, {"192.0.2.1", "192.0.2.2"}),
              ElementsAre("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3"));
  EXPECT_THAT(order({"2001:db8::1"}, {"192.0.2.1", "192.0.2.2"}), ElementsAre("2001:db8::1", "192.0.2.1", "192.0.2.2"));
}

TEST(address_order, one_family_keeps_the_order_of_the_name_server) {
  EXPECT_THAT(order({"2001:db8::2", "2001:db8::1"}, {}), ElementsAre("2001:db8::2", "2001:db8::1"));
  EXPECT_THAT(order({}, {"192.0.2.2", "192.0.2.1"}), ElementsAre("192.0.2.2", "192.0.2.1"));
  EXPECT_TRUE(order({}, {}).empty());
}

TEST(address_order, ipv6_that_ipv4_is_preferred_to_comes_last) {
  EXPECT_THAT(order({"fd00::1", "2001:db8::1"}, {"192.0.2.1"}), ElementsAre("2001:db8::1", "192.0.2.1", "fd00::1"));
  EXPECT_THAT(order({"2001::1"}, {"192.0.2.1"}), ElementsAre("192.0.2.1", "2001::1"));
}

}  // namespace
