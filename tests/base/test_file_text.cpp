#include <fanout/base/detail/file_text.hpp>

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>

namespace {

using fanout::detail::file_text;

TEST(file_text, is_all_bytes_of_a_file) {
  const fanout_test::temporary_directory directory;
  for (const std::size_t size : {0, 1, 16'383, 16'384, 16'385, 100'000}) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31 >> 3);
    EXPECT_TRUE(file_text(directory.write("file", bytes)) == bytes) << size;
  }
}

TEST(file_text, is_none_of_what_cannot_be_read_and_says_why) {
  const fanout_test::temporary_directory directory;
  for (const auto& [path, why] : {std::pair(directory / "nothing", ENOENT), std::pair(directory / ".", EISDIR)}) {
    errno = 0;
    const auto text = file_text(path);
    const int error = errno;
    EXPECT_FALSE(text) << path;
    EXPECT_EQ(error, why) << path;
  }
}

}  // namespace
