#include <fanout/fetch/units.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace {

using namespace fanout::fetch;
using namespace std::chrono_literals;
using ::testing::HasSubstr;

template <class Parse>
std::string unit_refusal(Parse parse) {
  try {
    parse();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was thrown";
}

TEST(units, durations) {
  EXPECT_EQ(parse_duration("400ms"), 400ms);
  EXPECT_EQ(parse_duration("2s"), 2s);
  EXPECT_EQ(parse_duration("0.5s"), 500ms);
  EXPECT_EQ(parse_duration("0.001s"), 1ms);
  EXPECT_EQ(parse_duration("1.1s"), 1100ms);
  EXPECT_EQ(parse_duration("1m"), 1min);
  EXPECT_EQ(parse_duration("1.5min"), 90s);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("0"), 0ms);
  EXPECT_EQ(parse_duration("5"), 5s);  // as everywhere
  EXPECT_EQ(parse_duration("0.25"), 250ms);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  for (const char* text : {"99999999h", "99999999999999999999h", "1000000000000ms", "1000000000000.5ms"})
    EXPECT_EQ(parse_duration(text), 1'000'000'000'000ms) << "the longest: " << text;
}

TEST(units, what_is_no_duration) {
  EXPECT_EQ(unit_refusal([] { parse_duration("4x"); }),
            "'4x' is not a duration; use a number of seconds, or one with ms, s, m or h, such as 400ms");
  for (const char* text :
       {"", "s", "-1s", "+1s", " 1s", "1 s", "1s ", "1e3s", "inf", "nan", "0x1s", "1d", "1S", "1ms1"})
    EXPECT_THAT(unit_refusal([&] { parse_duration(text); }), HasSubstr("is not a duration")) << text;
  EXPECT_THAT(unit_refusal([] { parse_duration("0.5ms"); }), HasSubstr("whole number of milliseconds"));
}

TEST(units, sizes) {
  EXPECT_EQ(parse_size("0"), 0u);
  EXPECT_EQ(parse_size("512"), 512u);
  EXPECT_EQ(parse_size("512B"), 512u);
  EXPECT_EQ(parse_size("64KiB"), 65'536u);
  EXPECT_EQ(parse_size("1.5MiB"), 1'572'864u);
  EXPECT_EQ(parse_size("10MiB"), 10'485'760u);
  EXPECT_EQ(parse_size("2GiB"), 2'147'483'648u);
  EXPECT_EQ(parse_size("1TiB"), 1'099'511'627'776u);
  EXPECT_EQ(parse_size("10kB"), 10'000u);
  EXPECT_EQ(parse_size("10MB"), 10'000'000u);
  EXPECT_EQ(parse_size("1gb"), 1'000'000'000u);
  EXPECT_EQ(parse_size("1k"), 1024u);
  EXPECT_EQ(parse_size("1M"), 1'048'576u);
  EXPECT_EQ(parse_size("9007199254740992"), 9007199254740992u);
}

TEST(units, what_is_no_size) {
  EXPECT_THAT(unit_refusal([] { parse_size("10MX"); }), HasSubstr("'10MX' is not a size; use a number of bytes"));
  for (const char* text : {"", "x", "-1", "+1", "1 k", "1e3", "KiB", "1KiBB", "1iB", "1bb"})
    EXPECT_THAT(unit_refusal([&] { parse_size(text); }), HasSubstr("is not a size")) << text;
  EXPECT_THAT(unit_refusal([] { parse_size("0.5"); }), HasSubstr("whole number of bytes"));
  EXPECT_THAT(unit_refusal([] { parse_size("9000TiB"); }), HasSubstr("too large"));
}

TEST(units, counts) {
  EXPECT_EQ(parse_count("0", 0, 5), 0u);
  EXPECT_EQ(parse_count("5", 0, 5), 5u);
  EXPECT_EQ(parse_count("18446744073709551615", 0, UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(unit_refusal([] { parse_count("6", 0, 5); }), "'6' is not a number from 0 to 5");
  EXPECT_EQ(unit_refusal([] { parse_count("0", 1, UINT64_MAX); }), "'0' is not a number from 1 up");
  for (const char* text : {"", "x", "-1", "+1", "1x", " 1", "18446744073709551616"})
    EXPECT_THAT(unit_refusal([&] { parse_count(text, 0, UINT64_MAX); }), HasSubstr("is not a number")) << text;
}

}  // namespace
