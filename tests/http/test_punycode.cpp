#include "http/message/punycode.hpp"

#include <gtest/gtest.h>

namespace {

using fanout::http::punycode;

// RFC 3492 section 7.1, (A), (B), (G), (L), (O), (R), (S), and labels that browsers show.
TEST(punycode, is_as_the_rfcs_samples) {
  EXPECT_EQ(punycode(U"ليهمابتكلموشعربي؟"), "egbpdaj6bu4bxfgehfvwxn");
  EXPECT_EQ(punycode(U"他们为什么不说中文"), "ihqwcrb4cv8a8dqg056pqjye");
  EXPECT_EQ(punycode(U"почемужеонинеговорятпорусски"), "b1abfaaepdrnnbgefbadotcwatmq2g4l");
  EXPECT_EQ(punycode(U"3年b組金八先生"), "3b-ww4c5e180e575a65lsy2b");
  EXPECT_EQ(punycode(U"ひとつ屋根の下2"), "2-u9tlzr9756bt3uc0v");
  EXPECT_EQ(punycode(U"そのスピードで"), "d9juau41awczczp");
  EXPECT_EQ(punycode(U"-> $1.00 <-"), "-> $1.00 <--");
  EXPECT_EQ(punycode(U"bücher"), "bcher-kva");
  EXPECT_EQ(punycode(U"\U0001f4a9"), "ls8h");
  EXPECT_EQ(punycode(U""), "");
}

}  // namespace
