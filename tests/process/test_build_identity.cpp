// What tells builds of a program apart, read from the program and from files.

#include "process/channel/build_identity.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <elf.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

namespace build_identities {

using namespace fanout::detail;

int something_of_this_program = 0;

TEST(build_identity, is_the_same_in_memory_and_in_the_file) {
  const auto here = build_at(&something_of_this_program);
  ASSERT_TRUE(here) << "the linker left a build id";
  EXPECT_EQ(own_build(), *here);
  EXPECT_EQ(build_of("/proc/self/exe"), here);
  EXPECT_NE(*here, build_identity{});
}

TEST(build_identity, of_another_object_is_another) {
  const auto of_library = build_at(reinterpret_cast<const void*>(&getpagesize));  // sanitizers do not replace it
  EXPECT_NE(of_library, build_at(&something_of_this_program));
  EXPECT_EQ(build_at(nullptr), std::nullopt);
}

TEST(build_identity, of_what_is_no_program_is_none) {
  const fanout_test::temporary_directory scratch;
  EXPECT_EQ(build_of((scratch / "nothing").c_str()), std::nullopt);
  const auto text = scratch / "text";
  std::ofstream(text) << std::string(10'000, 'x');
  EXPECT_EQ(build_of(text.c_str()), std::nullopt);
}

/// The beginning of this program, where its headers and notes are.
std::string own_beginning() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::string bytes(8192, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

TEST(build_identity, of_a_file_that_is_cut_anywhere_is_its_own_or_none) {
  const fanout_test::temporary_directory scratch;
  const auto path = scratch / "cut";
  const std::string whole = own_beginning();
  int found = 0;
  for (std::size_t size = 0; size <= whole.size(); size += size < 1'100 ? 13 : 97) {
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(whole.data(), static_cast<std::streamsize>(size));
    if (const auto build = build_of(path.c_str())) {
      EXPECT_EQ(*build, own_build()) << "cut after " << size;
      ++found;
    }
  }
  EXPECT_GT(found, 0) << "the note is in the first bytes";
}

TEST(build_identity, of_a_file_whose_headers_lie_is_none_or_some_but_no_crash) {
  const fanout_test::temporary_directory scratch;
  const auto path = scratch / "lies";
  const std::string whole = own_beginning();
  for (std::size_t at = 0; at < 1'000; ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(changed.data(), static_cast<std::streamsize>(8192));
    static_cast<void>(build_of(path.c_str()));
  }
}

TEST(build_identity, has_its_beginning_as_text) {
  build_identity build{};
  build[0] = 0x0a;
  build[5] = 0xff;
  build[6] = 0x77;
  EXPECT_EQ(to_string(build), "0a00000000ff");
}

}  // namespace build_identities
