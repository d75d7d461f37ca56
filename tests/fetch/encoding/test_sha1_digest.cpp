#include "fetch/encoding/sha1_digest.hpp"

#include <gtest/gtest.h>

namespace {

TEST(sha1_digest, is_that_of_fips_180_in_base_32) {
  EXPECT_EQ(fanout::fetch::sha1_digest(""), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
  EXPECT_EQ(fanout::fetch::sha1_digest("abc"), "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5");
  EXPECT_EQ(fanout::fetch::sha1_digest("a", "bc"), fanout::fetch::sha1_digest("abc"));
}

TEST(sha1_sum, is_the_same_of_pieces) {
  fanout::fetch::sha1_sum sum;
  for (const char* const piece : {"", "a", "", "bc"}) sum.add(piece);
  EXPECT_EQ(sum.text(), fanout::fetch::sha1_digest("abc"));
  EXPECT_EQ(fanout::fetch::sha1_sum().text(), fanout::fetch::sha1_digest(""));
}

}  // namespace
