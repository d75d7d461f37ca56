#include <fanout/base/failure.hpp>

#include "fetch/bodies/body_digest.hpp"
#include "support/run_to_end.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;

// FIPS 180-4, of "abc".
constexpr std::string_view of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(body_digest, however_it_comes) {
  body_digest sum;
  sum.add("a");
  sum.add("");
  sum.add("bc");
  EXPECT_EQ(sum.finish(), of_abc);
  EXPECT_EQ(body_digest::of("abc"), of_abc);
  EXPECT_EQ(body_digest::of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(body_digest, what_is_one) {
  EXPECT_TRUE(is_sha256(of_abc));
  EXPECT_TRUE(is_sha256("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"));
  EXPECT_FALSE(is_sha256(of_abc.substr(1)));
  EXPECT_FALSE(is_sha256(std::string(64, 'g')));
}

TEST(body_digest, what_is_expected) {
  check_digest("", of_abc);
  check_digest("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", of_abc);
  try {
    check_digest(std::string(64, '0'), of_abc);
    FAIL();
  } catch (const fanout::error& refused) {
    EXPECT_EQ(refused.kind(), fanout::failure_kind::digest_mismatch);
    EXPECT_THAT(refused.what(), ::testing::HasSubstr(std::string(of_abc)));
  }
}

/// Counts its calls.
struct counting_sink final : body_sink {
  fanout::task<void> write(std::string_view piece) override {
    got += piece;
    co_return;
  }
  void finish() override { ++finished; }
  void cut() noexcept override { ++cuts; }
  std::string got;
  int finished = 0;
  int cuts = 0;
};

TEST(body_digest, a_sink_behind_it_is_not_told_that_a_wrong_body_is_whole) {
  counting_sink behind;
  digesting_sink right(&behind, of_abc);
  fanout::test::run_to_end(right.write("abc"));
  right.finish();
  EXPECT_EQ(behind.got, "abc");
  EXPECT_EQ(behind.finished, 1);
  EXPECT_EQ(right.digest(), of_abc);
  digesting_sink wrong(&behind, of_abc);
  fanout::test::run_to_end(wrong.write("abd"));
  EXPECT_THROW(wrong.finish(), fanout::error);
  wrong.cut();
  EXPECT_EQ(behind.finished, 1);
  EXPECT_EQ(behind.cuts, 1);
  EXPECT_NE(wrong.digest(), of_abc);
}

}  // namespace
