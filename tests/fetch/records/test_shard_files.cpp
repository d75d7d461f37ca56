#include <fanout/fetch/shard_files.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>
#include <vector>

namespace {

using namespace fanout::fetch;
using ::testing::HasSubstr;

std::string shard_refusal(const std::string& path, const shard_manifest& mine) {
  try {
    take_part(path, mine);
  } catch (const journal_error& why) {
    return why.what();
  }
  return "";
}

TEST(shard_files, have_the_number_before_what_says_the_format) {
  EXPECT_EQ(shard_path("a.b/pages.jsonl.gz", 3), "a.b/pages.shard-3.jsonl.gz");
  EXPECT_EQ(shard_path("pages.warc", 12), "pages.shard-12.warc");
  EXPECT_EQ(shard_path("pages", 0), "pages.shard-0");
}

TEST(shard_files, the_first_one_says_what_the_job_is) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "pages.jsonl";
  EXPECT_FALSE(read_shard_manifest(path));
  const shard_manifest first{8, {{"the list", "90 bytes"}, {"headers", "a \"word\""}}};
  take_part(path, first);
  take_part(path, first);
  const auto there = read_shard_manifest(path);
  ASSERT_TRUE(there);
  EXPECT_EQ(there->shards, 8U);
  EXPECT_EQ(there->identity, first.identity);
  EXPECT_THAT(shard_refusal(path, {7, first.identity}), HasSubstr("has 8 shards, and this is one of 7"));
  EXPECT_THAT(shard_refusal(path, {8, {{"the list", "91 bytes"}, {"headers", "a \"word\""}}}),
              HasSubstr("the list is 91 bytes, and was 90 bytes"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory.path()), {}), 1) << "it leaves no other file";
}

TEST(shard_files, of_several_that_come_at_once_one_makes_it) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "pages.jsonl";
  std::vector<std::string> refusals(8);
  {
    std::vector<std::jthread> all;
    for (std::uint32_t i = 0; i < 8; ++i)
      all.emplace_back([&, i] { refusals[i] = shard_refusal(path, {i % 2 + 1, {}}); });
  }
  const std::uint32_t won = read_shard_manifest(path).value().shards;
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_EQ(refusals[i].empty(), i % 2 + 1 == won) << refusals[i];
}

TEST(shard_files, what_is_not_whole_is_refused) {
  const fanout_test::temporary_directory directory;
  for (const char* text :
       {"", "{", "[]", R"({"shards":0,"job":{}})", R"({"shards":"8","job":{}})", R"({"shards":8})"}) {
    directory.write("pages.jsonl.shards", text);
    EXPECT_THROW(read_shard_manifest(directory / "pages.jsonl"), journal_error) << text;
  }
}

}  // namespace
