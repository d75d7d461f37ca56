#include <fanout/origin/content.hpp>

#include <gtest/gtest.h>

#include <set>

namespace {

using namespace fanout::origin;

TEST(content, is_byte_for_byte_what_the_formula_says) {
  const std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::string all = content(0, 200'000);
  ASSERT_EQ(all.size(), 200'000u);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::size_t k = i % 65521;
    ASSERT_EQ(all[i], alphabet[(k + k / 64 + k / 4096) % 64]) << "at " << i;
    ASSERT_EQ(all[i], content_byte(i)) << "at " << i;
  }
}

TEST(content, any_part_equals_the_same_part_of_the_whole) {
  const std::string all = content(0, 300'000);
  for (const std::size_t offset : {0u, 1u, 63u, 64u, 65520u, 65521u, 65522u, 131'042u, 199'999u}) {
    EXPECT_EQ(content(offset, 100'000), all.substr(offset, 100'000)) << "from " << offset;
    EXPECT_EQ(content_block(offset), all.substr(offset, 64 * 1024)) << "from " << offset;
  }
  EXPECT_EQ(content(7, 0), "");
  EXPECT_EQ(content(content_period * 160'000, 1000), all.substr(0, 1000));
}

TEST(content, blocks_of_usual_sizes_differ_from_their_neighbours) {
  for (const std::size_t size : {512u, 1024u, 4096u, 16'384u, 65'536u})
    EXPECT_NE(content(0, size), content(size, size)) << size;
}

}  // namespace
