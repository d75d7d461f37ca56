// The limits of decoding, and decoding that pauses. What the codings themselves take is in test_content_coding.cpp.
#include "http/body/body_decoder.hpp"
#include "http/coded.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout_test;
using namespace fanout::http;
using verdict = body_decoder::verdict;

headers in(std::string_view coding) {
  return {{"Content-Encoding", coding}};
}

struct decoded {
  verdict how;
  std::string text;
};

decoded decode(body_decoder& decoder, std::string_view bytes, std::size_t room = SIZE_MAX) {
  decoded result{verdict::ok, {}};
  result.how = decoder.decode(bytes, [&](std::string_view piece) {
    result.text += piece;
    return result.text.size() < room;
  });
  return result;
}

TEST(body_decoder, is_needed_for_codings_it_can_undo) {
  const client_options options;
  EXPECT_TRUE(body_decoder(options, in("gzip")).needed());
  EXPECT_TRUE(body_decoder(options, {{"Content-Encoding", "identity"}, {"content-encoding", "br"}}).needed());
  EXPECT_FALSE(body_decoder(options, in("identity")).needed());
  EXPECT_FALSE(body_decoder(options, in("unknown")).needed());
  EXPECT_FALSE(body_decoder(options, {}).needed());
  EXPECT_THROW(body_decoder(options, in("gzip, gzip, gzip, gzip")), coding_error);
}

TEST(body_decoder, undoes_several_fields_in_turn) {
  const client_options options;
  body_decoder decoder(options, {{"Content-Encoding", "gzip"}, {"Content-Encoding", "zstd"}});
  EXPECT_EQ(decode(decoder, coded(coded("hello", "gzip"), "zstd")).text, "hello");
  EXPECT_EQ(decoder.decoded_bytes(), 5u);
  EXPECT_NO_THROW(decoder.end());
}

TEST(body_decoder, pauses_when_there_is_no_room_and_goes_on_from_there) {
  const client_options options;
  std::string plain;
  for (int i = 0; i < 20'000; ++i) plain += std::to_string(i * 7919);
  body_decoder decoder(options, in("gzip"));
  std::string all;
  auto some = decode(decoder, coded(plain, "gzip"), 1);
  int pauses = 0;
  for (; some.how == verdict::stopped; ++pauses) {
    EXPECT_FALSE(decoder.idle());
    EXPECT_LE(some.text.size(), 16u * 1024) << "what is decoded at a time";
    all += some.text;
    some = decode(decoder, {}, 1);
  }
  all += some.text;
  EXPECT_EQ(some.how, verdict::ok);
  EXPECT_TRUE(decoder.idle());
  EXPECT_TRUE(all == plain);
  EXPECT_GT(pauses, 3);
}

TEST(body_decoder, knows_what_was_cut_off) {
  const client_options options;
  const std::string whole = coded("hello", "gzip");
  body_decoder cut(options, in("gzip"));
  decode(cut, std::string_view(whole).substr(0, whole.size() - 1));
  EXPECT_THROW(cut.end(), coding_error);
  body_decoder empty(options, in("gzip"));
  EXPECT_NO_THROW(empty.end()) << "an empty body is whole";
}

TEST(body_decoder, counts_the_ratio_beyond_the_floor_alone) {
  client_options options;
  options.decoding_ratio_floor = 1 << 20;
  options.max_decoding_ratio = 100;
  const auto of_zeros = [&](std::size_t size) {
    body_decoder decoder(options, in("gzip"));
    return decode(decoder, coded(std::string(size, '\0'), "gzip")).how;
  };
  EXPECT_EQ(of_zeros(1 << 20), verdict::ok);
  EXPECT_EQ(of_zeros((1 << 20) + 1), verdict::too_high_a_ratio);
  options.max_decoding_ratio = 0;
  EXPECT_EQ(of_zeros(2 << 20), verdict::ok);
  options.max_body_bytes = 1 << 20;
  EXPECT_EQ(of_zeros(2 << 20), verdict::too_many_bytes);
}

}  // namespace
