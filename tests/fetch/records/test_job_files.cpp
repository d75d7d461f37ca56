#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/record_file.hpp>
#include <fanout/fetch/sqlite_output.hpp>

#include "fetch/records/record_support.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::add_record;
using fanout_test::temporary_directory;
using enum job_state;

class job_files_test : public ::testing::Test {
 protected:
  temporary_directory directory_{fanout_test::memory_path()};
};

TEST_F(job_files_test, a_job_is_absent_running_stopped_or_complete) {
  const std::string path = directory_ / "pages.jsonl";
  EXPECT_EQ(find_job(path).state(), absent);
  {
    record_file file(path, record_format::lines, {});
    add_record(file, 0);
    const job_files now = find_job(path);
    EXPECT_EQ(now.state(), running);
    EXPECT_EQ(now.parts[0].files, std::vector<std::string>{path + ".part"});
    file.keep();
  }
  EXPECT_EQ(find_job(path).state(), stopped);
  EXPECT_EQ(find_job(path).parts[0].journal.value().done.size(), 1U);
  {
    record_file file(path, record_format::lines, {});
    file.close();
  }
  EXPECT_EQ(find_job(path).state(), complete);
  EXPECT_EQ(find_job(path).parts[0].files, std::vector<std::string>{path});
}

TEST_F(job_files_test, a_database_says_itself_what_it_is) {
  const std::string path = directory_ / "pages.sqlite";
  EXPECT_EQ(find_job(path).state(), absent);
  directory_.write("pages.sqlite", "");  // as a run has it at its beginning
  EXPECT_EQ(find_job(path).state(), absent);
  sqlite_output(path, {}).close_stopped();
  EXPECT_EQ(find_job(path).state(), stopped);
  sqlite_output(path, {}).close();
  const job_files job = find_job(path);
  EXPECT_EQ(job.state(), complete);
  EXPECT_TRUE(job.database);
  EXPECT_EQ(job.parts.at(0).files, std::vector<std::string>{path});
}

TEST_F(job_files_test, a_directory_has_its_records_in_it) {
  for (const char* name : {"", "/"}) {
    const job_files job = find_job(directory_.path() + name);
    EXPECT_EQ(job.path, directory_ / "records.jsonl");
    EXPECT_EQ(job.directory, directory_.path() + "/");
  }
}

TEST_F(job_files_test, a_rotation_has_the_files_that_are_still_there) {
  const std::string path = directory_ / "pages.jsonl";
  record_file file(path, record_format::lines, {.rotate_records = 2});
  for (std::uint64_t i = 0; i < 7; ++i) add_record(file, i);
  EXPECT_EQ(find_job(path).state(), running);
  file.close();
  const job_files job = find_job(path);
  EXPECT_EQ(job.state(), complete);
  EXPECT_EQ(job.parts[0].files.size(), 4U);
  std::filesystem::remove(directory_ / "pages-00001.jsonl");
  EXPECT_EQ(find_job(path).parts[0].files.size(), 3U);
}

TEST_F(job_files_test, shards_are_parts_of_one_job) {
  const std::string path = directory_ / "pages.jsonl.gz";
  take_part(path, {3, {}});
  record_file(shard_path(path, 1), record_format::gzip_lines, {}).close();
  record_file stopped_one(shard_path(path, 2), record_format::gzip_lines, {});
  add_record(stopped_one, 1);
  stopped_one.keep();
  const job_files job = find_job(path);
  ASSERT_EQ(job.parts.size(), 3U);
  EXPECT_EQ(job.parts[0].state, absent);
  EXPECT_EQ(job.parts[1].state, complete);
  EXPECT_EQ(job.parts[1].shard, 1U);
  EXPECT_NE(job.parts[2].state, complete);
  EXPECT_NE(job.state(), complete);
  EXPECT_FALSE(job.joined);
}

}  // namespace
