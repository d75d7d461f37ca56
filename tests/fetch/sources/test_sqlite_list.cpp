#include <fanout/fetch/input_identity.hpp>
#include <fanout/fetch/request_source.hpp>

#include "fetch/sources/sqlite_list.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

namespace {

using namespace fanout::fetch;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

class sqlite_list_test : public ::testing::Test {
 protected:
  void run(const std::string& sql) { sqlite_database(path_, sqlite_database::mode::write).run(sql); }
  std::vector<request> all(const std::string& list) {
    std::vector<request> found;
    request_source source({}, list);
    while (auto each = source.next()) found.push_back(*std::move(each));
    return found;
  }
  std::string refusal(const std::string& list) {
    try {
      all(list);
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return "none";
  }
  temporary_directory directory_;
  const std::string path_ = directory_ / "jobs.sqlite";
};

TEST_F(sqlite_list_test, rows_in_order_with_their_other_columns) {
  run("CREATE TABLE jobs(id INTEGER PRIMARY KEY, link TEXT, name TEXT, score REAL, note, status);"
      "INSERT INTO jobs VALUES(7, 'http://b/', 'two \"x\"', 0.5, NULL, 9), (3, 'http://a/', 'one', 1, x'41', 9),"
      "(9, NULL, '', 9e999, 'n', 9)");
  const auto found = all(path_ + "?table=jobs&column=LINK");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].url, "http://a/");
  EXPECT_EQ(found[0].method, "GET");
  EXPECT_EQ(found[0].extra, R"(,"name":"one","score":1.0,"note":"A")");  // id and status are the record's own
  EXPECT_EQ(found[1].extra, R"(,"name":"two \"x\"","score":0.5,"note":null)");
  EXPECT_EQ(found[2].problem, "row 3 of the table has no URL");
}

TEST_F(sqlite_list_test, more_rows_than_are_read_at_a_time_and_none_is_held) {
  run("CREATE TABLE pages(url); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3500) INSERT "
      "INTO pages SELECT 'http://x/' || i FROM n");
  run("DELETE FROM pages WHERE rowid % 7 = 0");
  request_source source({}, path_);
  std::vector<std::string> urls;
  while (auto each = source.next()) {
    urls.push_back(each->url);
    if (urls.size() == 1'500) run("CREATE TABLE other(x)");  // nobody is in the way of a writer
  }
  EXPECT_EQ(urls.size(), 3'000u);
  EXPECT_EQ(urls.back(), "http://x/3499");
  EXPECT_FALSE(source.next());
}

TEST_F(sqlite_list_test, views_and_names_that_need_quotes) {
  run("CREATE TABLE \"a & b\"(\"the \"\"url\"\"\"); INSERT INTO \"a & b\" VALUES('http://x/');"
      "CREATE VIEW v AS SELECT \"the \"\"url\"\"\" AS url FROM \"a & b\";"
      "CREATE TABLE w(url TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO w VALUES('http://z/'), ('http://y/')");
  EXPECT_EQ(all(path_ + "?table=a%20%26%20b&column=the%20%22url%22").at(0).url, "http://x/");
  EXPECT_EQ(all(path_ + "?table=v").at(0).url, "http://x/");
  EXPECT_EQ(all(path_ + "?table=w").size(), 2u);
}

TEST_F(sqlite_list_test, what_it_refuses) {
  run("CREATE TABLE a(url); CREATE TABLE b(link)");
  EXPECT_THAT(refusal(path_), HasSubstr("has 2 tables (a, b)"));
  EXPECT_THAT(refusal(path_ + "?table=b"), HasSubstr("table b has no column 'url', but link"));
  EXPECT_THAT(refusal(path_ + "?table=c"), HasSubstr("no such table: c"));
  EXPECT_THAT(refusal(path_ + "?tables=c"), HasSubstr("'tables=c' is neither"));
  EXPECT_EQ(refusal(path_ + "?table=a"), "none");
}

TEST_F(sqlite_list_test, other_lists_are_none) {
  const std::string text = directory_.write("list?table=x", "http://a/\n");
  EXPECT_FALSE(sqlite_place_of(text));
  EXPECT_EQ(all(text).size(), 1u);
  const std::string pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(sqlite_place_of(pipe));  // and waits for nobody to write
  EXPECT_FALSE(sqlite_place_of("-"));
}

TEST_F(sqlite_list_test, what_makes_it_another_list) {
  run("CREATE TABLE a(url); INSERT INTO a VALUES('x'), ('y')");
  const std::string list = path_ + "?table=a";
  EXPECT_TRUE(can_be_read_again(list));
  const auto before = identity_of_inputs({}, std::vector{list});
  EXPECT_EQ(before.at(0).second, "table a, column url, 2 rows up to 2");
  run("CREATE TABLE records(x)");  // its own sink's, perhaps
  EXPECT_EQ(difference(before, identity_of_inputs({}, std::vector{path_ + "?table=a"})), "");
  run("DELETE FROM a WHERE rowid = 1");
  EXPECT_NE(difference(before, identity_of_inputs({}, std::vector{list})), "");
}

}  // namespace
