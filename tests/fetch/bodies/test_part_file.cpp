#include <fanout/fetch/detail/part_file.hpp>
#include <fanout/fetch/output.hpp>

#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>

namespace {

using namespace fanout::fetch;
using fanout::fetch::detail::part_file;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

class part_files : public ::testing::Test {
 protected:
  void write(part_file& to, std::string_view bytes) { ASSERT_EQ(write_all(to.descriptor(), bytes), 0); }
  static bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }
  template <class Call>
  static std::string failure_of(Call call) {
    try {
      call();
    } catch (const output_error& failed) {
      return failed.what();
    }
    return "nothing was thrown";
  }

  temporary_directory directory_;
  const std::string path_ = directory_ / "file";
  const std::string part_ = path_ + ".part";
};

TEST_F(part_files, appear_when_they_are_whole) {
  directory_.write("file", "before");
  part_file to = part_file::open(path_);
  EXPECT_TRUE(to.replaces() && to.is_file() && !to.in_place());
  EXPECT_EQ(to.name(), part_);
  EXPECT_EQ(part_file::part_name(path_), part_);
  write(to, "after");
  EXPECT_EQ(read_file(path_), "before");
  to.finish();
  EXPECT_EQ(read_file(path_), "after");
  EXPECT_FALSE(exists(part_));
}

TEST_F(part_files, stay_parts_unless_they_are_empty) {
  {
    part_file empty = part_file::open(path_);
  }
  EXPECT_FALSE(exists(part_));
  {
    part_file to = part_file::open(path_);
    write(to, "half");
    const part_file moved = std::move(to);
  }
  EXPECT_EQ(read_file(part_), "half");
  part_file rest = part_file::open(path_, {.goes_on = true});
  write(rest, " and half");
  rest.finish();
  EXPECT_EQ(read_file(path_), "half and half");
  {
    part_file anew = part_file::open(path_);
  }
  EXPECT_EQ(read_file(path_), "half and half");
}

TEST_F(part_files, are_refused_where_the_file_is_there) {
  directory_.write("file", "mine");
  EXPECT_THAT(failure_of([&] { part_file::open(path_, {.existing = existing_file::refused}); }),
              HasSubstr("File exists; --overwrite replaces"));
  std::filesystem::remove(path_);
  part_file to = part_file::open(path_, {.existing = existing_file::refused});
  write(to, "theirs");
  directory_.write("file", "mine");
  EXPECT_THAT(failure_of([&] { to.finish(); }), HasSubstr(path_ + ": File exists"));
  EXPECT_EQ(read_file(path_), "mine");
  EXPECT_EQ(read_file(part_), "theirs");
}

TEST_F(part_files, follow_a_link_or_replace_it) {
  const std::string target = directory_.write("target", "before");
  std::filesystem::create_symlink(target, path_);
  EXPECT_EQ(part_file::part_name(path_), target + ".part");
  part_file followed = part_file::open(path_);
  write(followed, "after");
  followed.finish();
  EXPECT_EQ(read_file(target), "after");
  part_file replaced = part_file::open(path_, {.follow_link = false});
  write(replaced, "instead");
  replaced.finish();
  EXPECT_EQ(read_file(target), "after");
  EXPECT_FALSE(std::filesystem::is_symlink(path_));
  // Nobody's link of that name is written through.
  std::filesystem::create_symlink(target, part_);
  EXPECT_EQ(read_file(path_), "instead");
  directory_.write("new", "");
  std::filesystem::create_symlink(target, directory_ / "fresh.part");
  EXPECT_THAT(failure_of([&] { part_file::open(directory_ / "fresh"); }), HasSubstr("fresh: "));
  EXPECT_EQ(read_file(target), "after");
}

TEST_F(part_files, of_a_hard_link_leave_the_other_name_alone) {
  const std::string other = directory_.write("other", "before");
  std::filesystem::create_hard_link(other, path_);
  part_file to = part_file::open(path_);
  write(to, "after");
  to.finish();
  EXPECT_EQ(read_file(path_), "after");
  EXPECT_EQ(read_file(other), "before");
}

TEST_F(part_files, check_what_cannot_be_written_to_and_change_nothing) {
  EXPECT_THAT(failure_of([&] { part_file::check(directory_ / "none/file"); }), HasSubstr("none/file: No such file"));
  directory_.write("file", "before");
  part_file::check(path_);
  part_file::check(directory_ / "new");
  part_file::check("-");
  part_file::check("/dev/null");
  EXPECT_EQ(read_file(path_), "before");
  EXPECT_FALSE(exists(part_) || exists(directory_ / "new"));
}

TEST_F(part_files, other_than_files_are_written_in_place) {
  part_file to = part_file::open("/dev/null");
  EXPECT_TRUE(to.in_place() && !to.is_file() && !to.replaces());
  write(to, "x");
  to.finish();
  EXPECT_FALSE(exists("/dev/null.part"));
  EXPECT_EQ(part_file::standard_output().descriptor(), STDOUT_FILENO);
}

}  // namespace
