#include <fanout/fetch/output.hpp>

#include "cli/fetch/page_file.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace {

using fanout::cli::fetch_options;
using fanout::cli::page_file;
using fanout::cli::usage_error;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::IsEmpty;
using ::testing::StartsWith;

fetch_options of(std::string url) {
  fetch_options made;
  made.urls = {std::move(url)};
  return made;
}

TEST(page_files, where_a_page_goes) {
  EXPECT_THAT(page_file(of("http://a/b")).path(), IsEmpty());
  fetch_options given = of("http://a/b/c.txt?d");
  given.remote_name = true;
  EXPECT_EQ(page_file(given).path(), "c.txt");
  given.output_directory = "d";
  EXPECT_EQ(page_file(given).path(), "d/c.txt");
  given.remote_name = false;
  given.destination = "e";
  EXPECT_EQ(page_file(given).path(), "d/e");
  given.destination = "/e";
  EXPECT_EQ(page_file(given).path(), "/e");
  given.remote_name = true;
  EXPECT_THROW(page_file{given}, usage_error) << "two names";
  fetch_options none = of("http://a/");
  none.remote_name = true;
  EXPECT_THROW(page_file{none}, usage_error);
}

TEST(page_files, directories_are_made_if_asked) {
  const temporary_directory directory;
  fetch_options given = of("http://a/b");
  given.destination = directory / "x/y/z";
  page_file{given};
  EXPECT_FALSE(std::filesystem::exists(directory / "x"));
  given.create_directories = true;
  page_file{given};
  EXPECT_TRUE(std::filesystem::is_directory(directory / "x/y"));
  given.destination = directory.write("file", "") + "/z";
  EXPECT_THROW(page_file{given}, fanout::fetch::output_error);
}

TEST(page_files, the_server_names_it) {
  const temporary_directory directory;
  fetch_options given = of("http://a/b");
  given.remote_name = given.remote_header_name = true;
  given.output_directory = directory / "";
  page_file file(given);
  EXPECT_TRUE(file.named_by_server());
  fanout::fetch::record result;
  result.headers = {{"Content-Disposition", "attachment; filename=../../.name"}};
  file.look_at(result);
  EXPECT_EQ(file.rename(), "") << "there is no page";
  for (const char* expected : {"_name", "_name.1"}) {
    std::filesystem::rename(directory.write("page", expected), file.path());
    EXPECT_EQ(file.rename(), directory / expected);
    EXPECT_EQ(read_file(directory / expected), expected);
  }
}

// Of a name that is taken, as curl: the next one with a number.
TEST(page_files, a_file_that_is_there_stays) {
  const temporary_directory directory;
  fetch_options given = of("http://a/b");
  given.no_clobber = true;
  given.destination = directory / "name";
  for (const char* expected : {"name", "name.1", "name.2"}) {
    const page_file file(given);
    EXPECT_NE(file.path(), given.destination);
    std::filesystem::rename(directory.write("page", expected), file.path());
    EXPECT_EQ(file.rename(), expected == std::string("name") ? std::string() : directory / expected);
    EXPECT_EQ(read_file(directory / expected), expected);
  }
  for (const char* other : {"/dev/null", "-"}) {
    given.destination = other;
    EXPECT_EQ(page_file(given).path(), other);
  }
}

}  // namespace
