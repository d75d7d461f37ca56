#include <fanout/fetch/named_body_files.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::ElementsAre;
using ::testing::Pair;

class named_body_files_test : public ::testing::Test {
 protected:
  /// Hands over a body of this URL, in the record or as the file that an exchange has written; returns its name.
  std::string taken(named_body_files& by, std::uint64_t index, const std::string& url, const std::string& body,
                    bool in_file, header_list headers = {}, const std::string& sha256 = {}) {
    request asked;
    asked.url = url;
    record result;
    result.status = 200;
    result.headers = std::move(headers);
    result.sha256 = sha256;
    if (in_file)
      directory_.write(result.file = body_directory::name_of(index), body);
    else
      result.body = body;
    finished all{index, asked, result};
    all.last_with_body = true;
    writer to;
    by.take(all, to);
    to.finish();
    return all.file;
  }
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    for (const auto& each : std::filesystem::directory_iterator(directory_.path()))
      all[each.path().filename().string()] = read_file(each.path().string());
    return all;
  }

  temporary_directory directory_;
};

TEST_F(named_body_files_test, names_are_those_of_the_urls) {
  named_body_files named(directory_.path());
  EXPECT_EQ(taken(named, 0, "http://a.test/x/page.html?q=1", "one", false), "page.html");
  EXPECT_EQ(taken(named, 1, "http://a.test/y/large", "two", true), "large");
  EXPECT_EQ(taken(named, 2, "http://a.test/", "three", true), "00000002");
  EXPECT_EQ(taken(named, 3, "http://a.test/", "four", false), "00000003");
  EXPECT_THAT(files(), ElementsAre(Pair("00000002", "three"), Pair("00000003", "four"), Pair("large", "two"),
                                   Pair("page.html", "one")));
  EXPECT_EQ(named.renamed(), 0u);
}

TEST_F(named_body_files_test, names_and_folders_by_a_pattern) {
  named_body_files named(directory_.path(), {.pattern = "{host}/{name}.{ext}"});
  EXPECT_TRUE(named.wants_headers());
  EXPECT_FALSE(named.wants_digests());
  const header_list html{{"Content-Type", "text/html"}};
  EXPECT_EQ(taken(named, 0, "http://A.test/x", "one", false, html), "a.test/x.html");
  EXPECT_EQ(taken(named, 1, "http://a.test/x", "two", true, html), "a.test/x.html.1");
  EXPECT_EQ(taken(named, 2, "http://../..", "three", true), "__/__.bin");
  EXPECT_EQ(read_file(directory_ / "a.test/x.html"), "one");
  EXPECT_EQ(read_file(directory_ / "a.test/x.html.1"), "two");
  EXPECT_EQ(read_file(directory_ / "__/__.bin"), "three");
}

TEST_F(named_body_files_test, one_content_is_one_file) {
  named_body_files named(directory_.path(), {.pattern = "{sha256:2}/{sha256}"});
  EXPECT_TRUE(named.wants_digests());
  const std::string digest(64, 'a');
  const std::string name = "aa/" + digest;
  EXPECT_EQ(taken(named, 0, "http://a.test/x", "same", false, {}, digest), name);
  EXPECT_EQ(taken(named, 1, "http://a.test/y", "same", true, {}, digest), name);
  EXPECT_EQ(taken(named, 2, "http://a.test/z", "same", false, {}, digest), name);
  EXPECT_EQ(named.renamed(), 0u);
  std::size_t all = 0;
  for (const auto& each : std::filesystem::recursive_directory_iterator(directory_.path()))
    all += each.is_regular_file();
  EXPECT_EQ(all, 1u);
  EXPECT_EQ(read_file(directory_ / name), "same");
}

TEST_F(named_body_files_test, a_name_that_is_taken_gets_the_index) {
  directory_.write("old", "from before");
  named_body_files named(directory_.path());
  EXPECT_EQ(taken(named, 0, "http://a.test/same", "first", false), "same");
  EXPECT_EQ(taken(named, 1, "http://b.test/same", "second", false), "same.1");
  EXPECT_EQ(taken(named, 2, "http://c.test/same", "third", true), "same.2");
  EXPECT_EQ(taken(named, 3, "http://a.test/old", "new", true), "old.3");
  EXPECT_EQ(taken(named, 3, "http://a.test/old", "again", false), "old.3.1");
  EXPECT_EQ(named.renamed(), 4u);
  EXPECT_THAT(files(), ElementsAre(Pair("old", "from before"), Pair("old.3", "new"), Pair("old.3.1", "again"),
                                   Pair("same", "first"), Pair("same.1", "second"), Pair("same.2", "third")));
}

TEST_F(named_body_files_test, bodies_that_still_wait_for_the_writer_keep_their_names) {
  named_body_files named(directory_.path());
  request asked;
  asked.url = "http://a.test/same";
  std::vector<std::string> names;
  {
    writer to;
    for (std::uint64_t index = 0; index < 100; ++index) {
      record result;
      result.status = 200;
      result.body = std::to_string(index);
      finished all{index, asked, result};
      named.take(all, to);
      names.push_back(all.file);
    }
    to.finish();
  }
  for (std::uint64_t index = 0; index < 100; ++index)
    EXPECT_EQ(read_file(directory_ / names[index]), std::to_string(index));
}

TEST_F(named_body_files_test, older_files_are_replaced_when_asked_to_and_those_of_the_job_never) {
  directory_.write("same", "from before");
  named_body_files named(directory_.path(), {.replaces = true});
  EXPECT_EQ(taken(named, 0, "http://a.test/same", "first", false), "same");
  EXPECT_EQ(taken(named, 1, "http://a.test/same", "second", true), "same.1");
  EXPECT_THAT(files(), ElementsAre(Pair("same", "first"), Pair("same.1", "second")));
}

TEST_F(named_body_files_test, the_server_names_them_when_asked_to_and_safely) {
  named_body_files named(directory_.path(), {.by_server = true});
  EXPECT_TRUE(named.wants_headers());
  const header_list hostile{{"content-disposition", "attachment; filename=\"../../.profile\""}};
  EXPECT_EQ(taken(named, 0, "http://a.test/x", "one", false, hostile), "_profile");
  EXPECT_EQ(taken(named, 1, "http://a.test/x", "two", true, {{"Content-Disposition", "attachment; filename=report"}}),
            "report");
  EXPECT_EQ(taken(named, 2, "http://a.test/x", "three", true), "x");
}

TEST_F(named_body_files_test, names_of_records_and_of_bodies_that_come_are_left_to_them) {
  named_body_files named(directory_.path());
  EXPECT_EQ(taken(named, 0, "http://a.test/records.jsonl", "a", false), "_records.jsonl");
  EXPECT_EQ(taken(named, 1, "http://a.test/00000009", "b", false), "00000009.1");
  EXPECT_EQ(taken(named, 2, "http://a.test/00000009.part", "c", false), "00000009.part.2");
  EXPECT_EQ(taken(named, 3, "http://a.test/20241130.jpg", "d", false), "20241130.jpg");
}

TEST_F(named_body_files_test, what_was_cut_stays_where_the_record_says) {
  named_body_files named(directory_.path());
  request asked;
  asked.url = "http://a.test/page";
  record result;
  result.status = 200;
  result.error = fanout::failure_kind::protocol;
  result.file = "00000000.part";
  finished all{0, asked, result};
  writer to;
  named.take(all, to);
  EXPECT_EQ(all.file, "00000000.part");
}

}  // namespace
