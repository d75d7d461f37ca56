#include "cli/fetch/fetch_checks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace {

using fanout::cli::check_options;
using fanout::cli::fetch_options;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// What is said of them; empty: they go together.
std::string refusal_of(const fetch_options& given, bool pages = false) {
  try {
    check_options(given, pages);
  } catch (const fanout::cli::usage_error& refused) {
    return refused.what();
  }
  return {};
}

TEST(fetch_checks, options_that_have_nothing_to_be_for) {
  fetch_options given;
  given.lists = {"list"};
  EXPECT_EQ(refusal_of(given), "");
  given.bulk.rotate_records = 5;
  EXPECT_THAT(refusal_of(given), HasSubstr("--rotate is for the records of several URLs in a file"));
  given.destination = "pages.jsonl";
  EXPECT_EQ(refusal_of(given), "");
  given.bulk.name_template = "{host}";
  EXPECT_THAT(refusal_of(given), HasSubstr("give -o DIR/"));
  given.bulk = {};
  given.include = true;
  EXPECT_THAT(refusal_of(given), HasSubstr("--include is for one URL"));
  EXPECT_EQ(refusal_of(given, true), "");
}

// The list would be replaced by the records of it.
TEST(fetch_checks, an_output_is_not_the_list) {
  const fanout_test::temporary_directory directory;
  const std::string list = directory.write("list", "http://127.0.0.1/\n");
  std::filesystem::create_symlink(list, directory / "link");
  fetch_options given;
  given.lists = {list};
  for (const std::string& output : {list, directory / "link", directory / "./list"}) {
    given.destination = output;
    EXPECT_THAT(refusal_of(given), AllOf(HasSubstr("-o " + output), HasSubstr("the list that -i reads")));
  }
  given.destination = directory / "other";
  EXPECT_EQ(refusal_of(given), "");
  given.summary_file = list;
  EXPECT_THAT(refusal_of(given), HasSubstr("--summary " + list));
  given.summary_file.clear();
  std::filesystem::create_directory(directory / "pages");
  given.lists = {directory.write("pages/records.jsonl", "{}\n")};
  given.destination = directory / "pages";
  EXPECT_THAT(refusal_of(given), HasSubstr("records.jsonl: it is the list"));
}

TEST(fetch_checks, tables_of_one_database_are_a_list_and_an_output) {
  const fanout_test::temporary_directory directory;
  fetch_options given;
  given.destination = directory.write("pages.sqlite", "");
  given.lists = {given.destination};
  EXPECT_EQ(refusal_of(given), "");
}

TEST(fetch_checks, two_outputs_are_two_files) {
  const fanout_test::temporary_directory directory;
  fetch_options given;
  given.lists = {"list"};
  given.destination = directory / "pages.jsonl";
  given.archive = directory / "./pages.jsonl";  // which is not there yet
  EXPECT_THAT(refusal_of(given), AllOf(HasSubstr("-o and --har name the same file"), HasSubstr("pages.jsonl")));
  given.archive.clear();
  given.header_file = given.summary_file = directory.write("both", "");
  EXPECT_THAT(refusal_of(given), HasSubstr("--dump-header and --summary name the same file"));
  given.header_file = given.summary_file = "/dev/null";
  EXPECT_EQ(refusal_of(given), "");
}

}  // namespace
