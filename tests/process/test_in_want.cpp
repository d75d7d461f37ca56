// Programs with workers where a machine, or what started them, withholds something; each is a process of its own.

#include "cli/child.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace in_want {

using fanout::cli::testing::child;
using testing::HasSubstr;
using testing::MatchesRegex;

class program_in_want : public fanout::test::leak_checked {};

// Values of any size go by the workers' sockets, and progress pages are memory files, which are not in /dev/shm.
TEST_F(program_in_want, of_room_in_dev_shm_needs_none) {
  child program(FANOUT_HELPER, {"full-shared-memory"});
  const std::string said = program.read_line();
  if (said.starts_with("no ")) GTEST_SKIP() << "this user may not have a /dev/shm of its own: " << said;
  EXPECT_EQ(said, "worked");
  EXPECT_EQ(program.wait(), 0);
}

TEST_F(program_in_want, of_its_own_file_starts_workers_all_the_same) {
  const fanout_test::temporary_directory place;
  const std::string copy = place / "helper";
  std::filesystem::copy_file(FANOUT_HELPER, copy);
  child program(copy, {"replaced"});
  EXPECT_EQ(program.read_line(), "worked") << program.rest_of_errors();
  EXPECT_EQ(program.wait(), 0);
}

TEST_F(program_in_want, of_standard_descriptors_has_workers) {
  child program(FANOUT_HELPER, {"no-standard-descriptors"});
  EXPECT_EQ(program.read_line(), "worked");
  EXPECT_EQ(program.wait(), 0);
}

void expect_recovers(child& program, const std::string& reason) {
  EXPECT_THAT(program.read_line(), HasSubstr("SIGKILL"));
  EXPECT_THAT(program.read_line(), HasSubstr(reason));
  EXPECT_EQ(program.read_line(), "works again");
  EXPECT_EQ(program.rest_of_output(), "");
  EXPECT_EQ(program.wait(), 0);
}

TEST_F(program_in_want, of_descriptors_in_the_middle_of_things_says_so_and_recovers) {
  child program(FANOUT_HELPER, {"no-descriptors"});
  expect_recovers(program, "Too many open files");
}

TEST_F(program_in_want, of_processes_in_the_middle_of_things_says_so_and_recovers) {
  child program(FANOUT_HELPER, {"no-processes"});
  expect_recovers(program, "Resource temporarily unavailable");
}

// Whoever hands `init` a subcommand's arguments, or none. Workers that went on with main would start others: 1, 4, 16 …
TEST_F(program_in_want, of_its_arguments_has_workers_and_not_copies_of_itself) {
  for (const char* const hidden : {"all", "first", "rest", "null"}) {
    const fanout_test::temporary_directory place;
    const std::string file = place / "mains";
    setenv("HELPER_HIDES_ARGUMENTS", hidden, 1);
    setenv("HELPER_FILE", file.c_str(), 1);
    child program(FANOUT_HELPER, {});
    unsetenv("HELPER_HIDES_ARGUMENTS");
    unsetenv("HELPER_FILE");
    EXPECT_EQ(program.read_line(), "worked") << hidden << program.rest_of_errors();
    EXPECT_EQ(program.wait(), 0);
    EXPECT_EQ(std::filesystem::file_size(file), std::string("main\n").size()) << hidden;
  }
}

TEST_F(program_in_want, of_a_file_of_its_own_name_says_so) {
  const char* const loader = "/lib64/ld-linux-x86-64.so.2";
  if (!std::filesystem::exists(loader)) GTEST_SKIP() << "there is no " << loader;
  child program(loader, {FANOUT_HELPER, "one-map"});
  EXPECT_THAT(program.read_line(), HasSubstr("dynamic loader"));
  EXPECT_EQ(program.wait(), 0);
}

// fanout::throw_locations, which the helper has
TEST_F(program_in_want, of_the_place_where_an_exception_was_thrown_is_told) {
  if (!FANOUT_THROW_LOCATIONS)
    GTEST_SKIP() << "this build has no fanout::throw_locations: it takes GCC and no sanitizer";
  child program(FANOUT_HELPER, {"throws"});
  for (int where = 0; where < 2; ++where) {
    EXPECT_THAT(program.read_line(), MatchesRegex("helper::throws_itself\\(int\\) at helper.cpp:[0-9]+"));
    EXPECT_THAT(program.read_line(), MatchesRegex("helper::has_the_library_throw\\(int\\) at helper.cpp:[0-9]+"));
  }
  EXPECT_THAT(program.read_line(), MatchesRegex(".*throws_after_a_wait.* at helper.cpp:[0-9]+"));
  EXPECT_EQ(program.wait(), 0);
}

}  // namespace in_want
