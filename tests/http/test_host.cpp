// Hosts, read as browsers read them. What they become within a URL is in test_url.cpp.
#include "http/message/host.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout::http;
using testing::HasSubstr;

TEST(host, one_address_in_all_its_spellings) {
  for (const char* const written : {"127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f.1", "0x7F000001",
                                    "017700000001", "127.0.0.1.", "%31%32%37.0.0.1", "0x7f.0.0.0x1"})
    EXPECT_EQ(parse_host(written).text, "127.0.0.1") << written;
}

TEST(host, what_ends_in_a_number_and_is_no_address_is_refused) {
  for (const char* const written : {"256.1.1.1", "1.2.3.4.5", "4294967296", "a.1", "1..2", "127.0.0.09"})
    EXPECT_THAT(parse_host(written).error, HasSubstr("ends in a number and is not an IPv4 address")) << written;
}

TEST(host, names_become_lower_case_and_ascii) {
  EXPECT_EQ(parse_host("WWW.Example.ORG").text, "www.example.org");
  EXPECT_EQ(parse_host("b\xc3\xbc"
                       "cher.example")
                .text,
            "xn--bcher-kva.example");
  EXPECT_EQ(parse_host("stra%C3%9Fe.example").text, "xn--strae-oqa.example") << "non-transitional";
  EXPECT_EQ(parse_host("under_score.example").text, "under_score.example");
}

TEST(host, symbols_are_converted_as_browsers_do) {
  EXPECT_EQ(parse_host("i%E2%9D%A4.ws").text, "xn--i-7iq.ws");
  EXPECT_EQ(parse_host("A_B\u2764.x").text, "xn--a_b-6r6a.x");
  EXPECT_EQ(parse_host("\u2603.fa\u00df.de").text, "xn--n3h.xn--fa-hia.de") << "each label for itself";
  // Transitional processing would make it another name.
  EXPECT_THAT(parse_host("fa\u00df\u2764.de").error, HasSubstr("cannot be written in ASCII"));
  // What a symbol is mapped to counts, not what it looks like.
  EXPECT_EQ(parse_host("\U0001d7d9\U0001d7da\U0001d7df.0.0.1").text, "127.0.0.1");
  EXPECT_THAT(parse_host("\u2603.\u2100.x").error, HasSubstr("contains '/'"));
}

TEST(host, a_name_may_be_longer_than_any_name_server_knows) {
  const std::string label(300, 'a');
  EXPECT_EQ(parse_host(label + "." + label).text, label + "." + label);
}

TEST(host, what_is_no_host_says_why) {
  EXPECT_THAT(parse_host("").error, HasSubstr("names no host"));
  EXPECT_THAT(parse_host("a%00b").error, HasSubstr("\\x00"));
  EXPECT_THAT(parse_host("a b").error, HasSubstr("contains ' '"));
  EXPECT_THAT(parse_host("a%2Fb").error, HasSubstr("contains '/'"));
}

TEST(host, ipv6_in_its_shortest_form) {
  EXPECT_EQ(parse_ipv6("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(parse_ipv6("::ffff:127.0.0.1"), "::ffff:7f00:1");
  for (const char* const written : {"", "1", "::1::", "127.0.0.1", "fe80::1%eth0", "12345::"})
    EXPECT_EQ(parse_ipv6(written), "") << written;
}

TEST(host, dotted_decimal_is_one_spelling_only) {
  EXPECT_TRUE(is_dotted_decimal("0.0.0.0"));
  EXPECT_TRUE(is_dotted_decimal("255.255.255.255"));
  for (const char* const text : {"", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.a", "1..2.3"})
    EXPECT_FALSE(is_dotted_decimal(text)) << text;
}

TEST(host, addresses_are_no_names) {
  for (const char* host : {"127.0.0.1", "255.255.255.255", "::1", "2001:db8::1"}) EXPECT_TRUE(is_address(host)) << host;
  for (const char* host : {"localhost", "1.2.3.4.example.org", "a1", "1.2.3"}) EXPECT_FALSE(is_address(host)) << host;
}

TEST(host, a_dot_at_the_end_of_a_name_is_no_part_of_it) {
  EXPECT_EQ(without_trailing_dot("example.org."), "example.org");
  EXPECT_EQ(without_trailing_dot("example.org"), "example.org");
  EXPECT_EQ(without_trailing_dot("."), "");
  EXPECT_EQ(without_trailing_dot(""), "");
}

}  // namespace
