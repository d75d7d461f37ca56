#include "fetch/packing.hpp"
#include "fetch/sources/input_file.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace {

using fanout::fetch::input_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string content_of(const std::string& path) {
  input_file file(path);
  std::string text;
  while (file.read_into(text)) continue;
  return text;
}

std::string why_not_read(const std::string& path) {
  try {
    content_of(path);
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
  return "it was read";
}

TEST(input_file, is_read_whole_plain_or_packed) {
  const temporary_directory directory;
  const std::string large(200'000, 'x');
  for (const std::string& text : {std::string(), std::string("a"), std::string("abc"), std::string("abcd"), large}) {
    EXPECT_TRUE(content_of(directory.write("plain", text)) == text) << text.size();
    EXPECT_TRUE(content_of(directory.write("packed", fanout_test::gzip(text))) == text) << text.size();
    EXPECT_TRUE(content_of(directory.write("packed", fanout_test::zstd(text))) == text) << text.size();
  }
}

TEST(input_file, says_which_file_cannot_be_read_and_why) {
  const temporary_directory directory;
  EXPECT_THAT(why_not_read(directory / "none"), AllOf(HasSubstr(directory / "none"), HasSubstr("No such file")));
  EXPECT_THAT(why_not_read(directory.path()), AllOf(HasSubstr(directory.path()), HasSubstr("it is a directory")));
  std::string cut = fanout_test::gzip("some text that is long enough to be cut");
  cut.resize(cut.size() - 9);
  EXPECT_THAT(why_not_read(directory.write("cut", cut)), HasSubstr("cannot read the list of URLs from"));
}

TEST(input_file, says_whether_a_pipe_has_something_and_waits_where_another_program_made_it_non_blocking) {
  const temporary_directory directory;
  const std::string path = directory / "pipe";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int writer = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  input_file file(path);
  EXPECT_FALSE(file.readable_now());
  ASSERT_EQ(::write(writer, "ab", 2), 2);
  EXPECT_TRUE(file.readable_now());
  std::string text;
  EXPECT_TRUE(file.read_into(text));
  EXPECT_EQ(text, "") << "two bytes do not tell the format";
  ASSERT_EQ(::fcntl(file.handle(), F_SETFL, O_NONBLOCK), 0);
  ASSERT_EQ(::write(writer, "cd", 2), 2);
  EXPECT_TRUE(file.read_into(text));
  EXPECT_EQ(text, "abcd");
  ::close(writer);
  EXPECT_FALSE(file.read_into(text)) << "nobody can write any more";
}

}  // namespace
