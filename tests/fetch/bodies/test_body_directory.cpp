#include <fanout/fetch/body_directory.hpp>
#include <fanout/fetch/output.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace {

using namespace fanout::fetch;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

template <class Call>
std::string directory_failure(Call call) {
  try {
    call();
  } catch (const output_error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST(body_directory, is_made_and_gets_a_file_for_each_index) {
  const temporary_directory directory;
  body_directory bodies(directory / "bodies/");
  EXPECT_EQ(bodies.store(7, "seven"), "00000007");
  EXPECT_EQ(bodies.store(123'456'789, ""), "123456789");
  EXPECT_EQ(read_file(directory / "bodies/00000007"), "seven");
  EXPECT_EQ(read_file(directory / "bodies/123456789"), "");
}

TEST(body_directory, an_existing_file_or_link_is_left_alone) {
  const temporary_directory directory;
  directory.write("00000000", "mine");
  std::filesystem::create_symlink(directory / "elsewhere", directory / "00000001");
  body_directory bodies(directory.path());
  EXPECT_THAT(directory_failure([&] { bodies.store(0, "x"); }), HasSubstr("--overwrite replaces files that are there"));
  EXPECT_THAT(directory_failure([&] { bodies.store(1, "x"); }), HasSubstr("00000001: File exists"));
  EXPECT_EQ(read_file(directory / "00000000"), "mine");
  EXPECT_FALSE(std::filesystem::exists(directory / "elsewhere"));
}

TEST(body_directory, what_cannot_be_made_or_is_no_directory) {
  const temporary_directory directory;
  const std::string file = directory.write("file", "");
  EXPECT_THAT(directory_failure([] { body_directory("/no/such/place"); }), HasSubstr("/no/such/place: No such file"));
  EXPECT_THAT(directory_failure([&] { body_directory at(file); }), HasSubstr(file));
}

}  // namespace
