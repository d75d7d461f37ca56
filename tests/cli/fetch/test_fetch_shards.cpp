// One list, several machines: --shard.

#include <fanout/fetch/shard.hpp>
#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class fetch_shards : public ::testing::Test {
 protected:
  static constexpr int urls = 60;
  static constexpr int hosts = 20;

  fetch_shards() {
    std::string text;
    for (int i = 0; i < urls; ++i)
      text += "http://h" + std::to_string(i % hosts) + ".example/bytes/" + std::to_string(i) + "\n";
    list_ = directory_.write("list", text);
  }
  ended part(const std::string& which, const std::string& to, std::vector<std::string> more = {}) {
    const std::string port = std::to_string(origin_.port());
    std::vector<std::string> all{"-q", "-i", list_, "--connect-to", "::127.0.0.1:" + port, "-o", to, "-s", "async:4"};
    if (!which.empty()) all.insert(all.end(), {"--shard", which});
    all.insert(all.end(), more.begin(), more.end());
    return fetch(std::move(all), "", {.output = "/dev/null"});
  }

  fanout::origin::background origin_;
  fanout_test::temporary_directory directory_;
  std::string list_;
};

TEST_F(fetch_shards, together_fetch_each_url_once_with_its_number_in_the_whole_list) {
  const std::string path = directory_ / "pages.jsonl";
  std::set<std::uint64_t> indexes;
  for (std::uint32_t i = 0; i < 3; ++i) {
    const auto run = part(std::to_string(i) + "/3", path);
    EXPECT_EQ(run.status, 0) << run.errors;
    for (const auto& [index, record] :
         records(read_file(directory_ / ("pages.shard-" + std::to_string(i) + ".jsonl")))) {
      EXPECT_TRUE(indexes.insert(index).second) << index;
      EXPECT_EQ(number_of(record, "bytes"), index);
      EXPECT_EQ(fanout::fetch::shard_of("h" + std::to_string(index % hosts) + ".example", 3), i);
    }
  }
  EXPECT_EQ(indexes.size(), std::size_t{urls});
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(fetch_shards, of_another_job_are_refused) {
  const std::string path = directory_ / "pages.jsonl";
  EXPECT_EQ(part("0/3", path).status, 0);
  const auto other = part("1/4", path);
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.errors, HasSubstr("the job has 3 shards, and this is one of 4"));
  const auto changed = part("1/3", path, {"-H", "X-Other: 1"});
  EXPECT_EQ(changed.status, 2);
  EXPECT_THAT(changed.errors, HasSubstr("headers"));
  EXPECT_FALSE(fs::exists(directory_ / "pages.shard-1.jsonl"));
  EXPECT_EQ(part("1/3", path).status, 0);
}

TEST_F(fetch_shards, of_a_directory_share_it) {
  const std::string path = directory_ / "pages/";
  for (const char* each : {"0/2", "1/2"}) EXPECT_EQ(part(each, path).status, 0);
  for (int i = 0; i < urls; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "%08d", i);
    EXPECT_EQ(fs::file_size(path + name), static_cast<std::uintmax_t>(i));
  }
  EXPECT_TRUE(fs::exists(path + "records.shard-0.jsonl") && fs::exists(path + "records.shard-1.jsonl"));
}

TEST_F(fetch_shards, that_do_not_exist_are_wrong) {
  for (const char* wrong : {"3/3", "1", "1/0", "x/3", "-1/3", "1/3/4"}) {
    const auto run = part(wrong, directory_ / "pages.jsonl");
    EXPECT_EQ(run.status, 2) << wrong;
    EXPECT_THAT(run.errors, HasSubstr("--shard")) << wrong;
  }
  EXPECT_EQ(fetch({"--shard", "0/2", origin_.url("/bytes/1")}).status, 2);
}

}  // namespace
