#include <fanout/fetch/shard.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using fanout::fetch::shard_of;

TEST(shard, stays_what_it_is) {  // computed with `openssl mac -macopt hexkey:00… -macopt size:8 SIPHASH`
  EXPECT_EQ(shard_of("example.org", 1'000'000'000), 347216407U);
  EXPECT_EQ(shard_of("127.0.0.1", 1'000'000'000), 193321807U);
  EXPECT_EQ(shard_of("EXAMPLE.org", 8), shard_of("example.org", 8));
  EXPECT_EQ(shard_of("example.org", 1), 0U);
  EXPECT_THROW(shard_of("example.org", 0), std::invalid_argument);
}

TEST(shard, hosts_are_shared_out_evenly) {
  for (const std::uint32_t shards : {2U, 7U, 8U, 64U}) {
    std::vector<int> count(shards);
    for (int i = 0; i < 64'000; ++i) ++count[shard_of("www" + std::to_string(i) + ".example", shards)];
    for (const int one : count) EXPECT_NEAR(one, 64'000.0 / shards, 64'000.0 / shards * 0.15);
  }
}

TEST(shard, host_of_a_url_is_that_of_its_text) {
  using fanout::fetch::host_in;
  EXPECT_EQ(host_in("https://user:word@Example.org:8080/a@b?c#d"), "Example.org");
  EXPECT_EQ(host_in("example.org:80/x"), "example.org");
  EXPECT_EQ(host_in("http://www.Example-1.org"), "www.Example-1.org");
  EXPECT_EQ(host_in("https://example.org:8080"), "example.org");
  EXPECT_EQ(host_in("http://user:80@example.org/"), "example.org");
  EXPECT_EQ(host_in("http://user@example.org/"), "example.org");
  EXPECT_EQ(host_in("http://example.org:80x/"), "example.org");
  EXPECT_EQ(host_in("http://[::1]:80/x"), "[::1]");
  EXPECT_EQ(host_in("http://[::1"), "[::1");
  EXPECT_EQ(host_in(""), "");
  EXPECT_EQ(host_in("http://"), "");
  EXPECT_EQ(host_in("http://a.example?x@b.example"), "a.example");
  EXPECT_EQ(host_in("http://a.example#x:80"), "a.example");
  EXPECT_EQ(host_in("http://one@two@a.example:80"), "a.example");
  EXPECT_EQ(host_in("http://one:word@[::1]:80/"), "[::1]");
}

TEST(shard, each_url_is_in_one_part) {
  for (const char* url : {"http://a.example/1", "http://a.example:81/2", "not a url", ""}) {
    int parts = 0;
    for (std::uint32_t i = 0; i < 5; ++i) parts += fanout::fetch::shard{i, 5}.has(url);
    EXPECT_EQ(parts, 1) << url;
  }
}

}  // namespace
