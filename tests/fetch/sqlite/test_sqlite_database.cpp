#include "fetch/sqlite/sqlite_database.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;

TEST(sqlite_database, keeps_what_is_bound) {
  const temporary_directory directory;
  const std::string path = directory / "a.sqlite";
  EXPECT_FALSE(is_sqlite_file(path));
  {
    sqlite_database made(path, sqlite_database::mode::write);
    made.run("CREATE TABLE t(a, b, c, d, e)");
    sqlite_statement adding = made.prepare("INSERT INTO t VALUES(?1, ?2, ?3, ?4, ?5)");
    adding.bind(1, std::int64_t{-7});
    adding.bind(2, std::string_view("text\0more", 9));
    adding.bind_real(3, 0.5);
    adding.bind_blob(4, "\xff");
    adding.bind_null(5);
    adding.run();
  }
  EXPECT_TRUE(is_sqlite_file(path));
  sqlite_database read(path, sqlite_database::mode::read);
  sqlite_statement asking = read.prepare("SELECT * FROM t");
  ASSERT_TRUE(asking.step());
  EXPECT_EQ(asking.columns(), 5);
  EXPECT_EQ(asking.column_name(2), "c");
  EXPECT_EQ(asking.integer(0), -7);
  EXPECT_EQ(asking.text(1), std::string_view("text\0more", 9));
  EXPECT_TRUE(asking.is_number(2));
  EXPECT_EQ(asking.text(3), "\xff");
  EXPECT_TRUE(asking.is_null(4));
  EXPECT_FALSE(asking.step());
  EXPECT_TRUE(read.has_table("T"));
  EXPECT_FALSE(read.has_table("u"));
  EXPECT_EQ(read.number("SELECT count(*) FROM t"), 1);
}

TEST(sqlite_database, says_what_is_wrong) {
  const temporary_directory directory;
  EXPECT_THROW(sqlite_database(directory / "none.sqlite", sqlite_database::mode::read), sqlite_error);
  const std::string path =
      directory.write("text.sqlite", "this is a text, and long enough to be looked at as a database");
  sqlite_database text(path, sqlite_database::mode::write);
  try {
    text.number("SELECT count(*) FROM sqlite_schema");
    FAIL();
  } catch (const sqlite_error& refused) {
    EXPECT_EQ(refused.code(), 26);  // SQLITE_NOTADB
    EXPECT_STREQ(refused.what(), "file is not a database");
  }
}

TEST(sqlite_database, a_checkpoint_waits_for_nobody) {
  const temporary_directory directory;
  const std::string path = directory / "a.sqlite";
  sqlite_database writes(path, sqlite_database::mode::write);
  int pages = 0;
  writes.on_commit([&](int now) { pages = now; });
  writes.run("PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(1)");
  EXPECT_GT(pages, 0);
  {
    sqlite_database reads(path, sqlite_database::mode::read);
    reads.run("BEGIN");
    EXPECT_EQ(reads.number("SELECT count(*) FROM t"), 1);
    writes.run("INSERT INTO t VALUES(2)");
    EXPECT_FALSE(writes.checkpoint(sqlite_database::checkpoint_kind::whole));
    EXPECT_EQ(reads.number("SELECT count(*) FROM t"), 1);
  }
  EXPECT_TRUE(writes.checkpoint(sqlite_database::checkpoint_kind::whole));
}

TEST(sqlite_database, quotes_names) {
  EXPECT_EQ(quoted_name("a \"b\"; DROP"), "\"a \"\"b\"\"; DROP\"");
}

}  // namespace
