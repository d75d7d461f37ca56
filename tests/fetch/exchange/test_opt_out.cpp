#include "fetch/exchange/opt_out.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout::http::headers;

TEST(opt_out, what_a_server_says_of_all_robots) {
  const auto heeded = opt_out_words("noai, NoImageAI");
  EXPECT_THAT(heeded, ::testing::ElementsAre("noai", "noimageai"));
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "noindex, NOAI"}}, heeded), "noai");
  EXPECT_EQ(opted_out(headers{{"x-robots-tag", "noindex"}, {"X-Robots-Tag", "noimageai"}}, heeded), "noimageai");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "unavailable_after: 25 Jun 2027 15:00:00 PST, noai"}}, heeded), "noai");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "noindex, noairplanes"}, {"X-Other", "noai"}}, heeded), "");
  EXPECT_EQ(opted_out(headers{}, heeded), "");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "noai"}}, {}), "");
}

TEST(opt_out, what_it_says_of_one) {
  const auto heeded = opt_out_words("noai");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "otherbot: noai"}}, heeded), "");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "Fanout: noindex, noai"}}, heeded), "noai");
  EXPECT_EQ(opted_out(headers{{"X-Robots-Tag", "*: noai"}}, heeded), "noai");
}

TEST(opt_out, words_that_are_none) {
  EXPECT_THROW(opt_out_words("noai,,x"), std::invalid_argument);
  EXPECT_THROW(opt_out_words("no ai"), std::invalid_argument);
}

}  // namespace
