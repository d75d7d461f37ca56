#include <fanout/fetch/job_files.hpp>
#include <fanout/fetch/output_error.hpp>
#include <fanout/fetch/sqlite_output.hpp>

#include "fetch/records/record_database.hpp"
#include "support/temporary_directory.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <filesystem>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class record_database_test : public ::testing::Test {
 protected:
  /// A database of a whole job with these indexes; every third failed.
  std::string made(const std::string& name, const std::vector<std::uint64_t>& indexes, job_identity identity = {}) {
    const std::string path = directory_ / name;
    sqlite_output sink(path, {.identity = std::move(identity), .with = {.headers = false, .body = true}});
    writer to({}, {});
    for (const std::uint64_t index : indexes) {
      request asked;
      asked.url = fmt::format("http://host{}/{}", index % 2, index);
      record result;
      if (index % 3 == 2) {
        result.error = fanout::failure_kind::connect;
      } else {
        result.status = 200;
        result.body = "page " + std::to_string(index);
        result.bytes = result.body->size();
        result.sha256 = std::string(64, 'a');
      }
      finished each{index, asked, result};
      sink.take(each, to);
    }
    to.finish();
    sink.close();
    return path;
  }
  void run(const std::string& path, const std::string& sql) {
    sqlite_database(path, sqlite_database::mode::write).run(sql);
  }
  temporary_directory directory_{fanout_test::memory_path()};
};

TEST_F(record_database_test, says_what_a_journal_would) {
  record_database job(made("pages.sqlite", {4, 0, 2, 5}, {{"the list", "4 lines"}}));
  EXPECT_TRUE(job.is_complete());
  const journal_contents contents = job.contents();
  EXPECT_THAT(contents.identity, Contains(std::pair<std::string, std::string>("the list", "4 lines")));
  EXPECT_EQ(contents.done.size(), 4U);
  EXPECT_EQ(contents.failed.size(), 2U);
  EXPECT_TRUE(contents.failed.contains(5));
  EXPECT_TRUE(job.damage().empty());
}

TEST_F(record_database_test, gives_all_rows_a_thousand_at_a_time) {
  std::vector<std::uint64_t> indexes;
  for (std::uint64_t i = 0; i < 2'500; ++i) indexes.push_back(i * 2);
  record_database job(made("pages.sqlite", indexes));
  std::vector<std::uint64_t> found;
  job.each(true, [&](const database_record& row) {
    found.push_back(row.mark.index);
    EXPECT_EQ(row.url, fmt::format("http://host0/{}", row.mark.index));
    EXPECT_EQ(row.error, row.mark.failed ? "connect" : "");
    EXPECT_EQ(row.body_zstd.empty(), row.mark.failed);
  });
  EXPECT_EQ(found, indexes);
  EXPECT_THROW(job.each(false, [](const database_record&) { throw std::out_of_range("enough"); }), std::out_of_range);
}

TEST_F(record_database_test, what_is_none_of_a_job_is_refused) {
  EXPECT_THROW(record_database(directory_ / "none.sqlite"), journal_error);
  EXPECT_THROW(record_database(directory_.write("text.sqlite", "a line of text, and more\n")), journal_error);
  run(directory_ / "other.sqlite", "CREATE TABLE records(x)");
  EXPECT_THROW(record_database(directory_ / "other.sqlite"), journal_error);
  EXPECT_THROW(find_job(directory_ / "other.sqlite"), journal_error);
}

TEST_F(record_database_test, a_check_finds_gaps_bodies_and_digests_that_are_wrong) {
  const std::string path = made("pages.sqlite", {0, 1, 2, 3});
  EXPECT_TRUE(check_job(find_job(path)).whole());
  const job_check digests = check_job(find_job(path), {.digests = true});
  EXPECT_EQ(digests.bodies, 3U);
  EXPECT_EQ(digests.digests, 3U);
  EXPECT_EQ(digests.problem_count, 3U);  // made() gives them one that is made up
  EXPECT_THAT(digests.problems[0], HasSubstr("the body of index 0 has SHA-256"));
  run(path, "UPDATE records SET bytes = 7 WHERE idx = 1; UPDATE records SET body_zstd = x'00' WHERE idx = 3");
  EXPECT_THAT(check_job(find_job(path)).problems,
              ElementsAre(HasSubstr("the body of index 1 has 6 bytes, and its record says 7"),
                          HasSubstr("the body of index 3 is no zstd frame")));
  EXPECT_TRUE(check_job(find_job(path), {.bodies = false}).whole());
  run(path, "DELETE FROM records WHERE idx = 1");
  EXPECT_THAT(check_job(find_job(path), {.bodies = false}).problems,
              ElementsAre(HasSubstr("1 of 4 records are missing, the first of them index 1")));
}

TEST_F(record_database_test, a_check_finds_damage) {
  std::vector<std::uint64_t> many(3'000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = i;
  const std::string path = made("pages.sqlite", many);
  std::string bytes = fanout_test::read_file(path);
  std::fill(bytes.begin() + 40'000, bytes.begin() + 50'000, 'x');
  directory_.write("pages.sqlite", bytes);
  try {
    EXPECT_FALSE(check_job(find_job(path)).whole());
  } catch (const output_error& failed) {  // as much as SQLite cannot read at all
    EXPECT_THAT(failed.what(), HasSubstr("malformed"));
  }
}

TEST_F(record_database_test, shards_become_one_database) {
  const std::string path = directory_ / "pages.sqlite";
  const job_identity identity{{"the list", "5 lines"}};
  take_part(path, {2, identity});
  job_identity first = identity;
  first.emplace_back("--shard", "0/2");
  made("pages.shard-0.sqlite", {4, 0, 2}, first);
  EXPECT_THROW(join_shards(find_job(path), join_order::as_written), join_error);
  job_identity second = identity;
  second.emplace_back("--shard", "1/2");
  made("pages.shard-1.sqlite", {3, 1}, second);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(join_shards(find_job(path), join_order::by_index), 5U);
  EXPECT_TRUE(find_job(path).joined);
  EXPECT_TRUE(check_job(find_job(path)).whole());
  record_database joined(path);
  EXPECT_TRUE(joined.is_complete());
  EXPECT_TRUE(joined.damage().empty());
  const journal_contents contents = joined.contents();
  EXPECT_EQ(contents.done.size(), 5U);
  EXPECT_THAT(contents.identity, ElementsAre(identity[0], std::pair<std::string, std::string>("format", "SQLite")));
  run(directory_ / "pages.shard-1.sqlite", "UPDATE records SET idx = 4 WHERE idx = 3");
  EXPECT_THROW(join_shards(find_job(path), join_order::by_index), join_error);
}

// A log of another database must never lie beside the new one, and what it has must not be lost if there will be no new
// one.
TEST_F(record_database_test, the_log_of_a_database_that_is_replaced_goes_into_it_first) {
  const std::string path = directory_ / "pages.sqlite";
  take_part(path, {1, {}});
  made("pages.shard-0.sqlite", {0, 1}, {{"--shard", "0/1"}});
  {
    sqlite_database crashed(directory_ / "old.sqlite", sqlite_database::mode::write);
    crashed.run("PRAGMA journal_mode = WAL; CREATE TABLE records(idx); INSERT INTO records VALUES (7)");
    for (const char* each : {"", "-wal"})
      directory_.write(std::string("pages.sqlite") + each,
                       fanout_test::read_file((directory_ / "old.sqlite").append(each)));
  }
  ASSERT_GT(std::filesystem::file_size(path + "-wal"), 0U);
  {
    sqlite_database reader(path, sqlite_database::mode::write);
    reader.run("BEGIN; SELECT idx FROM records");
    EXPECT_THROW(join_shards(find_job(path), join_order::as_written), join_error);
    EXPECT_EQ(sqlite_database(path, sqlite_database::mode::read).number("SELECT idx FROM records"), 7);
  }
  EXPECT_EQ(join_shards(find_job(path), join_order::as_written), 2U);
  EXPECT_FALSE(std::filesystem::exists(path + "-wal"));
  EXPECT_FALSE(std::filesystem::exists(path + "-shm"));
  EXPECT_TRUE(record_database(path).damage().empty());
  EXPECT_EQ(sqlite_database(path, sqlite_database::mode::read).number("SELECT count(*) FROM records"), 2);
}

}  // namespace
