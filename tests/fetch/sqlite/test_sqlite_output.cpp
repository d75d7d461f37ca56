#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/sqlite_output.hpp>
#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>

#include "fetch/sqlite/sqlite_database.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <atomic>
#include <filesystem>
#include <thread>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

class sqlite_output_test : public fanout::test::leak_checked {
 protected:
  job_report run(sink& into, const std::vector<std::string>& urls) {
    job pages;
    pages.how.shape = fanout::async(3);
    pages.sinks = {&into};
    return pages.run(urls);
  }
  std::int64_t number(const std::string& sql) {
    return sqlite_database(path_, sqlite_database::mode::read).number(sql);
  }
  std::string text(const std::string& sql) {
    sqlite_database database(path_, sqlite_database::mode::read);
    sqlite_statement asking = database.prepare(sql);
    return asking.step() ? std::string(asking.text(0)) : "none";
  }

  fanout::origin::background origin_;
  temporary_directory directory_;
  const std::string path_ = directory_ / "pages.sqlite";
};

TEST_F(sqlite_output_test, a_row_for_each_record) {
  sqlite_output sink(path_, {.with = {.headers = true, .body = true}});
  EXPECT_FALSE(sink.resumed());
  std::vector<request> all(3);
  all[0].url = origin_.url("/bytes/1000");
  all[0].id = "one";
  all[0].extra = ",\"shelf\":3";
  all[1].url = origin_.url("/status/404");
  all[2].url = "http://127.0.0.1:1/";
  job pages;
  pages.sinks = {&sink};
  pages.run(all);
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal"));
  EXPECT_EQ(number("SELECT count(*) FROM records"), 3);
  EXPECT_EQ(text("SELECT id FROM records WHERE idx = 0"), "one");
  EXPECT_EQ(number("SELECT bytes FROM records WHERE idx = 0"), 1000);
  EXPECT_EQ(number("SELECT json_extract(details, '$.shelf') FROM records WHERE idx = 0"), 3);
  EXPECT_EQ(number("SELECT json_array_length(details, '$.headers') > 1 FROM records WHERE idx = 0"), 1);
  EXPECT_EQ(text("SELECT error FROM records WHERE idx = 1"), "status");
  EXPECT_EQ(number("SELECT status FROM records WHERE idx = 1"), 404);
  EXPECT_EQ(text("SELECT error FROM records WHERE status IS NULL"), "connect");
  EXPECT_EQ(number("SELECT final_url IS NULL AND body_zstd IS NULL FROM records WHERE idx = 2"), 1);
  EXPECT_EQ(text("SELECT value FROM fanout_job WHERE name = 'state'"), "complete");
  const std::string frame = text("SELECT body_zstd FROM records WHERE idx = 0");
  std::string body(1000, '\0');
  EXPECT_EQ(ZSTD_decompress(body.data(), body.size(), frame.data(), frame.size()), 1000u);
  EXPECT_EQ(body, fanout::origin::content(0, 1000));
}

TEST_F(sqlite_output_test, it_can_be_read_while_the_job_runs) {
  std::atomic<bool> seen{false};
  sqlite_output sink(path_, {.interval = std::chrono::milliseconds(10)});
  record_callback look([&](finished& each, writer&) {
    if (each.index != 1) return;
    // The first record is committed in time, although the job goes on.
    while (number("SELECT count(*) FROM records") == 0) std::this_thread::yield();
    seen = true;
  });
  job pages;
  pages.how.shape = fanout::async(1);
  pages.sinks = {&sink, &look};
  pages.run(std::vector{origin_.url("/bytes/1"), origin_.url("/bytes/2")});
  EXPECT_TRUE(seen);
}

// What is written to a file without a name is lost: that is no success.
TEST_F(sqlite_output_test, a_database_that_is_removed_ends_the_job) {
  for (const bool at_the_end : {false, true}) {
    sqlite_output sink(path_, {.interval = std::chrono::milliseconds(1)});
    record_callback removes([&](finished& each, writer&) {
      if (each.index != 1) return;
      std::filesystem::remove(path_);
      if (at_the_end) directory_.write("pages.sqlite", "another file");
    });
    job pages;
    pages.how.shape = fanout::async(1);
    pages.sinks = {&sink, &removes};
    try {
      pages.run(std::vector{origin_.url("/bytes/1"), origin_.url("/bytes/2")});
      ADD_FAILURE() << "the records are gone, and nobody says so";
    } catch (const output_error& failed) {
      EXPECT_THAT(failed.what(), HasSubstr("pages.sqlite was removed or replaced"));
    }
    std::filesystem::remove(path_);
  }
}

TEST_F(sqlite_output_test, the_table_says_what_is_done) {
  const std::vector<std::string> urls{origin_.url("/bytes/1"), origin_.url("/status/500"), origin_.url("/bytes/3")};
  {
    sqlite_output sink(path_, {});
    EXPECT_EQ(run(sink, urls).cost.tasks, 3u);
  }
  {
    sqlite_output again(path_, {});
    EXPECT_TRUE(again.resumed());
    EXPECT_EQ(run(again, urls).cost.tasks, 0u);
  }
  {
    sqlite_output failed(path_, {.retry_failed = true});
    const auto done = run(failed, urls);
    EXPECT_EQ(done.cost.tasks, 1u);
    EXPECT_EQ(done.done_before, 2u);
  }
  sqlite_database(path_, sqlite_database::mode::write).run("DELETE FROM records WHERE idx = 2");
  {
    sqlite_output lost(path_, {});
    EXPECT_EQ(run(lost, urls).cost.tasks, 1u);
  }
  EXPECT_EQ(number("SELECT count(*) FROM records"), 3);
  {
    sqlite_output anew(path_, {.begins_anew = true});
    EXPECT_EQ(run(anew, {urls[0]}).cost.tasks, 1u);
  }
  EXPECT_EQ(number("SELECT count(*) FROM records"), 1);
}

TEST_F(sqlite_output_test, what_it_refuses) {
  {
    sqlite_output sink(path_, {.identity = {{"the list", "5 bytes"}}});
  }
  const auto refusal = [&](sqlite_output_options how) -> std::string {
    try {
      sqlite_output sink(path_, std::move(how));
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return {};
  };
  EXPECT_THAT(refusal({.identity = {{"the list", "6 bytes"}}}), HasSubstr("the list is 6 bytes, and was 5 bytes"));
  EXPECT_THAT(refusal({.identity = {{"the list", "5 bytes"}}, .goes_on = false}), HasSubstr("--restart"));
  EXPECT_EQ(refusal({.identity = {{"the list", "5 bytes"}}}), "");
  {
    sqlite_output first(path_, {.identity = {{"the list", "5 bytes"}}});
    EXPECT_THAT(refusal({.identity = {{"the list", "5 bytes"}}}), HasSubstr("another process"));
  }
  const std::string other = directory_ / "other.sqlite";
  sqlite_database(other, sqlite_database::mode::write).run("CREATE TABLE records(x)");
  EXPECT_THROW(sqlite_output(other, {}), output_error);
  const std::string text = directory_.write("text.sqlite", std::string(5000, 'x'));
  EXPECT_THROW(sqlite_output(text, {}), output_error);
  EXPECT_EQ(fanout_test::read_file(text), std::string(5000, 'x'));
  EXPECT_THROW(sqlite_output(directory_ / "new.sqlite", {.retry_failed = true}), journal_error);
}

TEST_F(sqlite_output_test, other_tables_are_left_alone) {
  sqlite_database(path_, sqlite_database::mode::write).run("CREATE TABLE jobs(url); INSERT INTO jobs VALUES('x')");
  sqlite_output sink(path_, {.begins_anew = true});
  run(sink, {origin_.url("/bytes/1")});
  EXPECT_EQ(number("SELECT count(*) FROM jobs"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM records"), 1);
}

/// Records with bodies that no compressor makes smaller.
class large_bodies {
 public:
  explicit large_bodies(sqlite_output& into) : into_(into) {}
  void add(std::uint64_t index) {
    request asked;
    asked.url = "http://x/" + std::to_string(index);
    record result;
    result.status = 200;
    std::string body(500'000, '\0');
    for (char& each : body)
      each = static_cast<char>((seed_ = seed_ * 6364136223846793005u + 1442695040888963407u) >> 56);
    result.body = std::move(body);
    finished each{index, asked, result, true};
    writer to;
    into_.take(each, to);
    to.finish();
  }

 private:
  sqlite_output& into_;
  std::uint64_t seed_ = 1;
};

TEST_F(sqlite_output_test, a_reader_that_stays_holds_the_job_up_and_not_the_disk) {
  constexpr std::uint64_t cap = 8 << 20;
  std::atomic<int> waits{0};
  std::string why;
  std::uint64_t largest = 0;
  sqlite_output_options how{.with = {.headers = false, .body = true}, .most_wal_bytes = cap};
  how.interval = std::chrono::hours(1);
  how.on_wait = [&](const std::string& text) {
    why = text;
    ++waits;
  };
  sqlite_output sink(path_, how);
  sqlite_database reader(path_, sqlite_database::mode::read);
  reader.run("BEGIN");
  EXPECT_EQ(reader.number("SELECT count(*) FROM records"), 0);
  std::thread ends_later([&] {
    while (waits == 0) std::this_thread::yield();
    EXPECT_EQ(reader.number("SELECT count(*) FROM records"), 0);  // as it was when its transaction began
    reader.run("COMMIT");
  });
  large_bodies pages(sink);
  for (std::uint64_t i = 0; i < 40; ++i) {
    pages.add(i);
    largest = std::max<std::uint64_t>(largest, std::filesystem::file_size(path_ + "-wal"));
  }
  ends_later.join();
  sink.close();
  EXPECT_EQ(waits, 1);
  EXPECT_THAT(why, HasSubstr("another program has a transaction open"));
  EXPECT_LT(largest, cap + (1 << 20));
  EXPECT_GT(largest, cap / 4);
  EXPECT_EQ(number("SELECT count(*) FROM records"), 40);
}

TEST_F(sqlite_output_test, it_does_not_wait_for_ever) {
  sqlite_output_options how{.with = {.headers = false, .body = true}, .most_wal_bytes = 8 << 20};
  how.patience = std::chrono::milliseconds(0);
  sqlite_output sink(path_, how);
  sqlite_database reader(path_, sqlite_database::mode::read);
  reader.run("BEGIN");
  reader.number("SELECT count(*) FROM records");
  large_bodies pages(sink);
  EXPECT_THROW(
      {
        for (std::uint64_t i = 0; i < 100; ++i) pages.add(i);
      },
      output_error);
  EXPECT_GT(number("SELECT count(*) FROM records"), 0);  // what was committed stays
}

TEST_F(sqlite_output_test, without_readers_the_log_stays_small) {
  sqlite_output_options how{.with = {.headers = false, .body = true}, .most_wal_bytes = 8 << 20};
  how.on_wait = [](const std::string& why) { ADD_FAILURE() << why; };
  sqlite_output sink(path_, how);
  large_bodies pages(sink);
  for (std::uint64_t i = 0; i < 100; ++i) {
    pages.add(i);
    EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 6u << 20);
  }
  sink.close();
}

TEST(sqlite_name, by_its_end) {
  EXPECT_TRUE(is_sqlite_name("a.sqlite"));
  EXPECT_TRUE(is_sqlite_name("x/a.sqlite3"));
  EXPECT_TRUE(is_sqlite_name("a.db"));
  EXPECT_FALSE(is_sqlite_name(".db"));
  EXPECT_FALSE(is_sqlite_name("a.db.gz"));
}

}  // namespace
