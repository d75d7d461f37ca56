#include "compare/text/embedded.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace fanout::detail {
namespace {

std::string file_of_tree(const std::string& path) {
  std::ifstream file(std::string(FANOUT_TREE) + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(embedded, files_are_those_of_the_tree_to_the_byte) {
  EXPECT_FALSE(page_template().empty());
  EXPECT_TRUE(page_template() == file_of_tree("/report/page.html"));
  EXPECT_FALSE(python_program().empty());
  EXPECT_TRUE(python_program() == file_of_tree("/src/compare/beside.py"));
}

TEST(embedded, the_page_has_its_three_places_once_and_in_order) {
  std::size_t at = 0;
  for (const char* const place : {"{{about}}", "{{report}}", "{{before}}"}) {
    const auto found = page_template().find(place);
    ASSERT_NE(found, std::string_view::npos) << place;
    EXPECT_GT(found, at) << place;
    EXPECT_EQ(page_template().find(place, found + 1), std::string_view::npos) << place;
    at = found;
  }
}

}  // namespace
}  // namespace fanout::detail
