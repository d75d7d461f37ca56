#include <fanout/fetch/output.hpp>

#include "fetch/schedule/spill_file.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace {

using fanout::fetch::spill_file;

TEST(spill_file, keeps_what_was_not_given_back) {
  const fanout_test::temporary_directory directory;
  spill_file file(directory.path());
  const std::string first(10'000, 'a');
  const std::string second(10'000, 'b');
  const auto at_first = file.append(first);
  const auto at_second = file.append(second);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path())) << "it has no name";
  file.give_back(at_first, first.size());
  EXPECT_EQ(file.live(), second.size());
  std::string read = "before";
  file.read(at_second, second.size(), read);
  EXPECT_EQ(read, second);
  file.give_back(at_second, second.size());
  EXPECT_EQ(file.end(), 0U) << "nothing is left, and the file is empty";
  EXPECT_EQ(file.append("x"), 0U);
}

TEST(spill_file, says_which_directory_it_cannot_use) {
  spill_file file("/nowhere/at/all");
  try {
    file.append("x");
    FAIL();
  } catch (const fanout::fetch::output_error& error) {
    EXPECT_STREQ(error.what(), "cannot make a temporary file in /nowhere/at/all: No such file or directory");
  }
}

}  // namespace
