#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/record_file.hpp>

#include "fetch/records/record_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::add_record;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::Contains;
using ::testing::HasSubstr;

/// A complete job of records 0, 1 (failed) and 2.
class job_check_test : public ::testing::TestWithParam<record_format> {
 protected:
  std::string path() const { return directory_ / ("pages" + fanout_test::extension_of(GetParam())); }
  std::string made(bool closed = true) {
    record_file file(path(), GetParam(), {});
    for (std::uint64_t i = 0; i < 3; ++i) {
      add_record(file, i, i == 1);
      ends_.push_back(std::filesystem::file_size(path() + ".part"));
    }
    closed ? file.close() : file.keep();
    return path();
  }
  job_check checked() { return check_job(find_job(path())); }

  temporary_directory directory_{fanout_test::memory_path()};
  std::vector<std::uint64_t> ends_;
};

TEST_P(job_check_test, finds_nothing_wrong_with_what_was_written) {
  made();
  const job_check found = checked();
  EXPECT_TRUE(found.whole()) << found.problems[0];
  EXPECT_EQ(found.records, 3U);
  EXPECT_EQ(found.failed, 1U);
  EXPECT_EQ(found.by_kind, (std::map<std::string, std::uint64_t>{{"connect", 1}}));
  EXPECT_EQ(found.failing_hosts.largest(1).at(0).name, "a");
}

TEST_P(job_check_test, finds_any_cut) {
  const std::string bytes = read_file(made());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    directory_.write(std::filesystem::path(path()).filename(), bytes.substr(0, size));
    EXPECT_FALSE(checked().whole()) << size;
  }
}

TEST_P(job_check_test, of_a_job_that_was_stopped_a_torn_end_is_no_fault) {
  made(false);
  const std::string part = path() + ".part";
  const std::string bytes = read_file(part);
  directory_.write(std::filesystem::path(part).filename(), bytes + bytes.substr(0, ends_[0] - 3));
  const job_check found = checked();
  EXPECT_TRUE(found.whole()) << found.problems[0];
  ASSERT_EQ(found.remarks.size(), 1U);
  EXPECT_THAT(found.remarks[0], HasSubstr("behind the last whole record"));
  // But records that the journal knows of have to be there.
  directory_.write(std::filesystem::path(part).filename(), bytes.substr(0, ends_[1]));
  EXPECT_THAT(checked().problems,
              Contains(HasSubstr("1 records that the journal knows of are missing, the first of them index 2")));
}

TEST_P(job_check_test, finds_a_record_that_is_there_twice) {
  const std::string bytes = read_file(made());
  directory_.write(std::filesystem::path(path()).filename(), bytes + bytes.substr(ends_[0]));
  EXPECT_THAT(checked().problems, Contains(HasSubstr("two records of index 1")));
}

TEST_P(job_check_test, while_it_runs_looks_at_what_is_known) {
  record_file file(path(), GetParam(), {.interval = std::chrono::hours(1)});
  for (std::uint64_t i = 0; i < 3; ++i) add_record(file, i);
  const job_check found = checked();
  EXPECT_TRUE(found.whole()) << found.problems[0];
  EXPECT_EQ(find_job(path()).state(), job_state::running);
}

TEST_P(job_check_test, finds_a_gap) {
  {
    record_file file(path(), GetParam(), {});
    for (const std::uint64_t i : {0, 1, 3}) add_record(file, i);
    file.close();
  }
  EXPECT_THAT(checked().problems, Contains(HasSubstr("1 of 4 records are missing, the first of them index 2")));
  std::filesystem::remove(path() + ".journal");
  EXPECT_TRUE(checked().whole()) << "without a journal it may be a job with repeats that were passed over";
}

INSTANTIATE_TEST_SUITE_P(each_format, job_check_test, ::testing::ValuesIn(fanout_test::all_formats),
                         fanout_test::format_name);

TEST(job_check_of_bodies, sizes_of_files_and_texts_are_what_records_say) {
  const temporary_directory directory(fanout_test::memory_path());
  directory.write("records.jsonl",
                  R"({"index":0,"url":"http://a/","status":200,"bytes":3,"error":null,"file":"00000000"})"
                  "\n"
                  R"({"index":1,"url":"http://a/","status":200,"bytes":3,"error":null,"file":"00000001"})"
                  "\n"
                  R"({"index":2,"url":"http://a/","status":200,"bytes":3,"error":null,"file":"00000002"})"
                  "\n"
                  R"({"index":3,"url":"http://a/","status":200,"bytes":2,"error":null,"body":"ab"})"
                  "\n"
                  R"({"index":4,"url":"http://a/","status":200,"bytes":2,"error":null,"body_base64":"/w=="})"
                  "\n");
  directory.write("00000000", "abc");
  directory.write("00000001", "ab");
  const job_check found = check_job(find_job(directory.path()));
  EXPECT_EQ(found.bodies, 4U);
  ASSERT_EQ(found.problem_count, 3U);
  EXPECT_THAT(found.problems[0], HasSubstr("index 1 has 2 bytes, and its record says 3"));
  EXPECT_THAT(found.problems[1], HasSubstr("the body of index 2 is not there"));
  EXPECT_THAT(found.problems[2], HasSubstr("index 4 has 1 bytes, and its record says 2"));
  EXPECT_TRUE(check_job(find_job(directory.path()), {.bodies = false}).whole());
}

TEST(job_check_of_bodies, digests_of_archives_are_computed_again) {
  const temporary_directory directory(fanout_test::memory_path());
  const std::string path = directory / "pages.warc";
  {
    record_file file(path, record_format::warc, {});
    add_record(file, 0);
    file.close();
  }
  EXPECT_TRUE(check_job(find_job(path)).whole());
  std::string bytes = read_file(path);
  bytes[bytes.find("page 0")] = 'P';
  directory.write("pages.warc", bytes);
  const job_check found = check_job(find_job(path));
  EXPECT_EQ(found.problem_count, 2U);
  EXPECT_THAT(found.problems, Contains(HasSubstr("response of index 0: the payload has another digest")));
}

}  // namespace
