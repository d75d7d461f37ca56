#include <fanout/fetch/duplicate_finder.hpp>
#include <fanout/fetch/output.hpp>

#include "support/sanitized.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace {

using fanout::fetch::duplicate_finder;
using fanout_test::temporary_directory;

TEST(duplicate_finder, keeps_the_first_of_each) {
  const temporary_directory directory;
  duplicate_finder finder(directory.path());
  for (const char* const key : {"a", "b", "a", "", "c", "b", "a", ""}) finder.add(key);
  EXPECT_EQ(finder.added(), 8U);
  const auto repeats = finder.find();
  std::string bits;
  for (std::uint64_t i = 0; i < 8; ++i) bits += repeats.contains(i) ? '1' : '0';
  EXPECT_EQ(bits, "00100111");
  EXPECT_EQ(repeats.size(), 4U);
  EXPECT_FALSE(repeats.contains(1'000'000));
}

TEST(duplicate_finder, finds_those_and_no_others_beyond_its_buffers) {
  const temporary_directory directory;
  std::mt19937_64 random(9);
  for (const std::uint64_t different : {1U, 400'000U, 100'000'000U}) {  // all in one file, many repeats, few
    duplicate_finder finder(directory.path());
    std::unordered_set<std::uint64_t> seen;
    std::vector<bool> repeat;
    for (int i = 0; i < (fanout::test::sanitized ? 400'000 : 600'000); ++i) {
      const std::uint64_t key = random() % different;
      repeat.push_back(!seen.insert(key).second);
      finder.add("http://example.org/" + std::to_string(key));
    }
    unsigned calls = 0;
    const auto found = finder.find([&calls](unsigned done, unsigned of) {
      EXPECT_EQ(done, ++calls);
      EXPECT_EQ(of, 256U);
    });
    EXPECT_EQ(calls, 256U);
    for (std::uint64_t i = 0; i < repeat.size(); ++i) ASSERT_EQ(found.contains(i), repeat[i]) << different << ", " << i;
    EXPECT_EQ(found.size(), repeat.size() - seen.size());
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST(duplicate_finder, says_where_it_cannot_write) {
  duplicate_finder finder("/nowhere/at/all");
  try {
    for (int i = 0; i < 1'000'000; ++i) finder.add(std::to_string(i));
    FAIL();
  } catch (const fanout::fetch::output_error& error) {
    EXPECT_STREQ(error.what(), "cannot make a temporary file in /nowhere/at/all: No such file or directory");
  }
}

}  // namespace
