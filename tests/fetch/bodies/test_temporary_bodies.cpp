#include <fanout/fetch/output_error.hpp>

#include "fetch/bodies/temporary_bodies.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace {

using namespace fanout::fetch;

TEST(temporary_bodies, a_directory_goes_with_what_is_in_it) {
  std::string path;
  {
    const fanout::fetch::detail::temporary_directory made;
    path = made.path();
    EXPECT_TRUE(path.ends_with('/'));
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms::owner_all);
    std::ofstream(path + "file") << "x";
    EXPECT_TRUE(std::filesystem::exists(path + "file"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(temporary_bodies, what_an_earlier_run_left_is_removed_and_nothing_else) {
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "pages.warc.bodies";
  std::filesystem::create_directory(path);
  for (const char* const name : {"/00000001", "/00000002.part"}) std::ofstream(path + name) << "x";
  {
    const fanout::fetch::detail::temporary_directory made(path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
  std::filesystem::create_directory(path);
  for (const char* const name : {"/00000001", "/mine.txt"}) std::ofstream(path + name) << "x";
  EXPECT_THROW(fanout::fetch::detail::temporary_directory(std::string(path)), output_error);
  EXPECT_TRUE(std::filesystem::exists(path + "/mine.txt"));
  EXPECT_THROW(fanout::fetch::detail::temporary_directory(directory / "nowhere/bodies"), output_error);
}

TEST(temporary_bodies, move_into_outputs) {
  const fanout_test::temporary_directory directory;
  const std::string body(200'001, 'x');
  const std::string path = directory.write("body", body);
  EXPECT_EQ(fanout::fetch::detail::contents_of(path), body);
  output to = output::create(directory / "all");
  to.write("before ");
  fanout::fetch::detail::move_into(path, to);
  to.close();
  EXPECT_TRUE(fanout_test::read_file(directory / "all") == "before " + body);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  EXPECT_THROW(fanout::fetch::detail::contents_of(path), output_error);
}

}  // namespace
