#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/record_file.hpp>

#include "fetch/records/record_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

namespace {

using namespace fanout::fetch;
using fanout_test::add_record;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;
using enum join_order;

class job_join : public ::testing::TestWithParam<record_format> {
 protected:
  std::string path() const { return directory_ / ("pages" + fanout_test::extension_of(GetParam())); }
  void shard(std::uint32_t number, const std::vector<std::uint64_t>& indexes, record_file_options how = {}) {
    how.identity.emplace_back("--shard", std::to_string(number));
    record_file file(shard_path(path(), number), GetParam(), std::move(how));
    for (const std::uint64_t index : indexes) add_record(file, index);
    file.close();
  }
  /// What is wrong with joining; empty: nothing.
  std::string refusal(bool incomplete = false) {
    try {
      join_shards(find_job(path()), as_written);
    } catch (const join_error& why) {
      EXPECT_EQ(why.incomplete(), incomplete) << why.what();
      EXPECT_FALSE(std::filesystem::exists(path()));
      return why.what();
    }
    return {};
  }
  std::vector<std::uint64_t> indexes() {
    std::vector<std::uint64_t> all;
    scan_records(path(), GetParam(), 0, [&all](record_mark each) { all.push_back(each.index); });
    return all;
  }
  temporary_directory directory_{fanout_test::memory_path()};
};

TEST_P(job_join, one_record_for_each_index_as_written_or_in_order) {
  take_part(path(), {3, {}});
  shard(0, {6, 0, 3});
  shard(1, {1, 7, 4}, {.rotate_records = 2});
  shard(2, {5, 2});
  EXPECT_EQ(join_shards(find_job(path()), as_written), 8U);
  EXPECT_EQ(indexes(), (std::vector<std::uint64_t>{6, 0, 3, 1, 7, 4, 5, 2}));
  EXPECT_TRUE(check_job(find_job(path())).whole());
  EXPECT_EQ(join_shards(find_job(path()), by_index), 8U);
  std::vector<std::uint64_t> sorted(8);
  std::iota(sorted.begin(), sorted.end(), 0);
  EXPECT_EQ(indexes(), sorted);
  const job_check found = check_job(find_job(path()));
  EXPECT_TRUE(found.whole()) << found.problems[0];
  EXPECT_TRUE(find_job(path()).joined);
}

TEST_P(job_join, waits_for_all_shards) {
  take_part(path(), {3, {}});
  shard(1, {0, 1});
  EXPECT_THAT(refusal(true), HasSubstr("of 3 shards these are not complete: 0, 2"));
}

TEST_P(job_join, refuses_what_is_no_whole_job) {
  EXPECT_THAT(refusal(), HasSubstr("these are no shards of a job"));
  take_part(path(), {2, {}});
  shard(0, {0, 2});
  shard(1, {4, 1});
  EXPECT_THAT(refusal(), HasSubstr("1 of 5 records are in no shard, the first of them index 3"));
  shard(1, {3, 4, 2, 1}, {.begins_anew = true});
  EXPECT_THAT(refusal(), HasSubstr("there is another record of index 2"));
  shard(1, {3, 4, 1}, {.identity = {{"the list", "another"}}, .begins_anew = true});
  EXPECT_THAT(refusal(), HasSubstr("shard 1 is of another job than shard 0: the list is another"));
  shard(1, {3, 4, 1}, {.begins_anew = true});
  const std::string second = shard_path(path(), 1);
  std::filesystem::resize_file(second, std::filesystem::file_size(second) - 1);
  EXPECT_THAT(refusal(), HasSubstr("is no whole record"));
}

TEST_P(job_join, gaps_are_right_where_repeats_were_passed_over) {
  take_part(path(), {2, {{"--dedupe", "given"}}});
  shard(0, {0, 4});
  shard(1, {2});
  EXPECT_EQ(refusal(), "");
  EXPECT_EQ(indexes(), (std::vector<std::uint64_t>{0, 4, 2}));
}

INSTANTIATE_TEST_SUITE_P(each_format, job_join, ::testing::ValuesIn(fanout_test::all_formats),
                         fanout_test::format_name);

}  // namespace
