#include "http/dns/resolv_conf.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

namespace {

using namespace fanout::http;
using namespace std::chrono_literals;

resolver_patience patience(std::string_view text, std::string_view environment = "") {
  const auto found = patience_of(text, environment);
  EXPECT_TRUE(found) << text;
  return found.value_or(resolver_patience{0s, 0});
}

TEST(resolv_conf, says_how_long_and_how_often_to_ask) {
  const auto both = patience("nameserver 127.0.0.1\n options  timeout:1\tattempts:3 rotate\n");
  EXPECT_EQ(both.timeout, 1s);
  EXPECT_EQ(both.attempts, 3);
  EXPECT_EQ(patience("options attempts:1\noptions timeout:2").attempts, 1);
  EXPECT_EQ(patience("options timeout:1\r\n").attempts, 2) << "what is not said is as the manual page has it";
  EXPECT_EQ(patience("options attempts:1").timeout, 5s);
  EXPECT_EQ(patience("options timeout:1 timeout:2").timeout, 2s);
}

TEST(resolv_conf, has_bounds) {
  const auto large = patience("options timeout:99999999999999 attempts:100");
  EXPECT_EQ(large.timeout, 30s);
  EXPECT_EQ(large.attempts, 5);
  const auto small = patience("options timeout:0 attempts:0");
  EXPECT_EQ(small.timeout, 1s);
  EXPECT_EQ(small.attempts, 1);
}

TEST(resolv_conf, may_say_nothing_of_it) {
  for (const char* const text :
       {"", "nameserver 127.0.0.1", "options ndots:2 rotate", "# options timeout:1", "options ndots:2 # timeout:1",
        "; options timeout:1", "options timeout: attempts:x", "options timeout:-1", "search options timeout:1"})
    EXPECT_FALSE(patience_of(text, "")) << text;
  EXPECT_FALSE(read_patience("/no/such/file"));
}

TEST(resolv_conf, the_environment_goes_before_the_file) {
  EXPECT_EQ(patience("options timeout:4", "ndots:1 timeout:2").timeout, 2s);
  EXPECT_EQ(patience("", "attempts:1").attempts, 1);
}

TEST(resolv_conf, is_read_from_a_file) {
  const fanout_test::temporary_directory directory;
  const auto found = read_patience(directory.write("resolv.conf", "options timeout:3\n"));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->timeout, 3s);
}

}  // namespace
