#include "fetch/journal/journal_format.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace fanout::fetch;

const job_identity some_job{{"input", "urls.txt"}, {"shard", "1/8"}};

std::vector<journal_mark> marks_of(std::uint64_t first, std::uint64_t count) {
  std::vector<journal_mark> marks;
  for (std::uint64_t i = 0; i < count; ++i) marks.push_back((first + i * 3 % count) << 1 | (i % 5 == 0 ? 1U : 0U));
  return marks;
}

/// What the bytes hold up to the first block that is not whole.
journal_contents contents_of(std::string_view bytes) {
  journal_contents contents;
  decode_header(bytes, contents);
  while (decode_block(bytes, contents)) {
  }
  contents.torn = bytes.size();
  return contents;
}

/// A header and three blocks, and where each of them ends.
std::string three_blocks(std::vector<std::size_t>& ends) {
  std::string bytes = encode_header("boot", some_job);
  ends = {bytes.size()};
  for (std::uint64_t block = 0; block < 3; ++block) {
    auto marks = marks_of(block * 40'000'000'000, 10);
    append_block(bytes, marks, (block + 1) * 1'000, block);
    ends.push_back(bytes.size());
  }
  return bytes;
}

TEST(journal_format, gives_back_what_was_put_in) {
  std::mt19937_64 random(4);
  std::string bytes = encode_header("boot", some_job);
  done_set done;
  done_set failed;
  for (int block = 0; block < 20; ++block) {
    std::vector<journal_mark> marks;
    for (int i = 0; i < 1'000; ++i) {
      const std::uint64_t index = random() >> (16 + random() % 40);
      const bool failure = random() % 3 == 0;
      if (!done.insert(index)) continue;
      if (failure) failed.insert(index);
      marks.push_back(index << 1 | (failure ? 1 : 0));
    }
    append_block(bytes, marks, static_cast<std::uint64_t>(block), 7);
  }
  const auto read = contents_of(bytes);
  EXPECT_EQ(read.identity, some_job);
  EXPECT_EQ(read.boot_id, "boot");
  EXPECT_EQ(read.done.size(), done.size());
  EXPECT_EQ(read.failed.size(), failed.size());
  EXPECT_EQ(read.sink_length, 19U);
  EXPECT_EQ(read.sink_part, 7U);
  EXPECT_EQ(read.torn, 0U);
}

TEST(journal_format, an_input_that_was_tried_again_is_not_failed_any_more) {
  std::string bytes = encode_header("", {});
  std::vector<journal_mark> first{5 << 1 | 1, 6 << 1 | 1};
  std::vector<journal_mark> second{5 << 1};
  append_block(bytes, first, 1, 0);
  append_block(bytes, second, 2, 0);
  const auto read = contents_of(bytes);
  EXPECT_EQ(read.done.size(), 2U);
  EXPECT_FALSE(read.failed.contains(5));
  EXPECT_TRUE(read.failed.contains(6));
}

TEST(journal_format, cut_at_any_byte_it_holds_the_whole_blocks) {
  std::vector<std::size_t> ends;
  const auto bytes = three_blocks(ends);
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    const std::string_view left = std::string_view(bytes).substr(0, cut);
    if (cut < ends[0]) {
      EXPECT_THROW(contents_of(left), journal_error) << cut;
      continue;
    }
    std::size_t whole = 0;
    while (whole + 1 < ends.size() && ends[whole + 1] <= cut) ++whole;
    const auto read = contents_of(left);
    ASSERT_EQ(read.done.size(), whole * 10) << cut;
    ASSERT_EQ(read.sink_length, whole * 1'000) << cut;
    ASSERT_EQ(read.torn, cut - ends[whole]) << cut;
  }
}

TEST(journal_format, a_changed_bit_ends_it_before_that_block) {
  std::vector<std::size_t> ends;
  const auto bytes = three_blocks(ends);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ 1 << bit);
      if (at < ends[0]) {
        EXPECT_THROW(contents_of(changed), journal_error) << at;
        continue;
      }
      std::size_t whole = 0;
      while (ends[whole + 1] <= at) ++whole;
      ASSERT_EQ(contents_of(changed).done.size(), whole * 10) << "byte " << at << ", bit " << bit;
    }
  }
}

TEST(journal_format, a_record_takes_three_bytes_at_most) {
  std::mt19937_64 random(1);
  for (const std::uint64_t spread : {1U, 10U, 100U}) {  // lists that are done in order, and hosts that take turns
    std::vector<journal_mark> marks;
    std::uint64_t index = 50'000'000;
    for (int i = 0; i < 50'000; ++i) marks.push_back((index += 1 + random() % (2 * spread - 1)) << 1);
    std::shuffle(marks.begin(), marks.end(), random);
    std::string bytes;
    append_block(bytes, marks, 1, 0);
    EXPECT_LE(bytes.size(), 50'000U * 3) << spread;
  }
}

}  // namespace
