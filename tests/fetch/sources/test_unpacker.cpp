#include "fetch/packing.hpp"
#include "fetch/sources/input_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace {

using fanout::fetch::unpacker;
using fanout::fetch::unpacker_for;
using fanout_test::gzip;
using fanout_test::zstd;
using ::testing::HasSubstr;
using namespace std::string_literals;

/// What `packed` unpacks to when it arrives in the given pieces.
std::string unpacked(const std::string& packed, const std::vector<std::size_t>& cuts) {
  const auto unpack = unpacker_for(packed.data(), std::min<std::size_t>(packed.size(), 4));
  if (!unpack) return "no packed format";
  std::string text;
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    unpack->unpack(packed.data() + from, cut - from, text);
    from = cut;
  }
  unpack->unpack(packed.data() + from, packed.size() - from, text);
  unpack->finish();
  return text;
}

std::string unpacker_refusal(const std::string& packed) {
  try {
    unpacked(packed, {});
  } catch (const std::runtime_error& why) {
    return why.what();
  }
  return "nothing was thrown";
}

/// Text that does not pack well, so that the packed form has many bytes to split at.
std::string noise(std::size_t size) {
  std::mt19937 generator(1);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>('a' + generator() % 26);
  return text;
}

TEST(unpacker, tells_formats_by_their_first_bytes) {
  EXPECT_TRUE(unpacker_for("\x1f\x8b\x08\x00", 4));
  EXPECT_TRUE(unpacker_for("\x28\xb5\x2f\xfd", 4));
  EXPECT_TRUE(unpacker_for("\x50\x2a\x4d\x18", 4));
  EXPECT_TRUE(unpacker_for("\x5f\x2a\x4d\x18", 4));
  EXPECT_FALSE(unpacker_for("\x60\x2a\x4d\x18", 4));
  EXPECT_FALSE(unpacker_for("http", 4));
  EXPECT_FALSE(unpacker_for("\x1f", 1));
  EXPECT_FALSE(unpacker_for("", 0));
}

TEST(unpacker, split_at_each_byte) {
  const std::string one = noise(300), two = noise(200), text = one + two;
  for (const std::string& packed : {gzip(one) + gzip(two), zstd(one) + zstd(two)}) {
    ASSERT_EQ(unpacked(packed, {}), text);
    for (std::size_t cut = 0; cut <= packed.size(); ++cut) ASSERT_EQ(unpacked(packed, {cut}), text) << cut;
    std::vector<std::size_t> every(packed.size());
    for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;
    EXPECT_EQ(unpacked(packed, every), text);
  }
}

TEST(unpacker, cut_off_anywhere_is_noticed) {
  const std::string text = noise(300);
  for (const std::string& packed : {gzip(text), zstd(text)})
    for (std::size_t left = 4; left < packed.size(); ++left)
      ASSERT_THAT(unpacker_refusal(packed.substr(0, left)), HasSubstr("ends in the middle")) << left;
}

TEST(unpacker, text_that_fills_whole_buffers_is_complete) {
  for (const std::size_t size : {256u * 1024 - 1, 256u * 1024, 256u * 1024 + 1, 512u * 1024, 3u << 20}) {
    const std::string text(size, 'x');
    EXPECT_TRUE(unpacked(gzip(text), {}) == text) << size;
    EXPECT_TRUE(unpacked(zstd(text), {}) == text) << size;
    EXPECT_TRUE(unpacked(zstd(text) + zstd(text), {}) == text + text) << size;
  }
}

TEST(unpacker, empty_members_and_frames) {
  EXPECT_EQ(unpacked(gzip("") + gzip("a") + gzip(""), {}), "a");
  EXPECT_EQ(unpacked(zstd("") + zstd("a") + zstd(""), {}), "a");
  const std::string skippable = "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz"s;
  EXPECT_EQ(unpacked(skippable + zstd("a") + skippable, {}), "a");
}

TEST(unpacker, corrupt_bytes_are_named) {
  std::string gz = gzip(noise(300)), zst = zstd(noise(300));
  gz[gz.size() - 6] = static_cast<char>(~gz[gz.size() - 6]);  // in the checksum
  zst[4] = static_cast<char>(zst[4] | 0x08);                  // a reserved bit of the frame header
  EXPECT_THAT(unpacker_refusal(gz), HasSubstr("gzip: "));
  EXPECT_THAT(unpacker_refusal(zst), HasSubstr("zstd: "));
  EXPECT_THAT(unpacker_refusal(gzip("a") + "not gzip any more"), HasSubstr("gzip: "));
}

}  // namespace
