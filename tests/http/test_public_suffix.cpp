// Below which names strangers register theirs.
#include "http/cookies/public_suffix.hpp"

#include <gtest/gtest.h>

namespace {

using namespace fanout::http;

TEST(public_suffix, names_that_strangers_register_below) {
  for (const char* name : {"com", "uk", "co.uk", "github.io", "localhost", "no-such-suffix"})
    EXPECT_TRUE(is_public_suffix(name)) << name;
  for (const char* name : {"example.com", "example.co.uk", "someone.github.io", "www.example.org"})
    EXPECT_FALSE(is_public_suffix(name)) << name;
}

TEST(public_suffix, the_registrable_domain_is_one_label_more) {
  EXPECT_EQ(registrable_domain("www.example.co.uk"), "example.co.uk");
  EXPECT_EQ(registrable_domain("a.b.example.org"), "example.org");
  EXPECT_EQ(registrable_domain("example.org"), "example.org");
  EXPECT_EQ(registrable_domain("x.someone.github.io"), "someone.github.io");
}

TEST(public_suffix, suffixes_and_addresses_stand_for_themselves) {
  for (const char* host : {"co.uk", "localhost", "127.0.0.1", "::1", "2001:db8::1"})
    EXPECT_EQ(registrable_domain(host), host);
}

}  // namespace
