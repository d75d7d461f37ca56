#include "fetch/schedule/address_table.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::fetch::address_table;

TEST(address_table, forgets_an_address_that_nobody_has) {
  address_table addresses;
  const auto first = addresses.find_or_add("192.0.2.1");
  const auto second = addresses.find_or_add("192.0.2.2");
  EXPECT_NE(first, 0U);
  EXPECT_NE(first, second);
  EXPECT_EQ(addresses.find_or_add("192.0.2.1"), first);
  addresses[first].hosts = 1;
  addresses.release(first);
  EXPECT_EQ(addresses.find_or_add("192.0.2.1"), first) << "a host has it";
  addresses[first].hosts = 0;
  addresses[first].in_flight = 1;
  addresses.release(first);
  EXPECT_EQ(addresses.find_or_add("192.0.2.1"), first) << "something goes to it";
  addresses[first].in_flight = 0;
  addresses.release(first);
  EXPECT_EQ(addresses.find_or_add("192.0.2.3"), first) << "its number is used again";
  EXPECT_EQ(addresses[first].name, "192.0.2.3");
  EXPECT_EQ(addresses[second].name, "192.0.2.2");
}

}  // namespace
