#include <fanout/compare/compare.hpp>

#include "compare/made_comparison.hpp"
#include "compare/verdict/verdict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace fanout {
namespace {

using test::failed_row;
using test::made_of;
using test::row;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

TEST(table, fits_eighty_columns_and_lines_up) {
  comparison all = made_of({row(grid(1, 1, 1), 1234567ms, 1), row(processes(1024), 400ms, 1024, 1024),
                            failed_row(async(5), std::string(200, 'x') + " and " + std::string(100, 'y'))});
  detail::judge(all);
  std::istringstream text(render_table(all));
  std::size_t end_of_numbers = 0;
  for (std::string line; std::getline(text, line);) {
    EXPECT_LE(line.size(), 80U) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
    if (line.starts_with("shape")) end_of_numbers = line.size();
    const bool measured = line.starts_with("1x1x1 ") || line.starts_with("processes:1024 ");
    if (measured) {
      EXPECT_EQ(line.size(), end_of_numbers) << line;
    }
  }
  EXPECT_GT(end_of_numbers, 0U);
  EXPECT_THAT(render_table(all), HasSubstr("     -"));  // no speed-up without sync
}

TEST(table, leaves_out_columns_where_a_terminal_is_narrower) {
  comparison all =
      made_of({row(sync(), 2s, 1), row(processes(5), 400ms, 5, 5), failed_row(async(5), std::string(99, 'x'))});
  detail::judge(all);
  for (const std::size_t width : {1U, 40U, 60U, 79U}) {
    const std::string table = render_table(all, width);
    std::istringstream text(table);
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), std::max<std::size_t>(width, 40)) << line;
    EXPECT_THAT(table, HasSubstr("\nprocesses:5    0.400   5.00  100.0")) << width;
  }
  EXPECT_THAT(render_table(all, 60), AllOf(HasSubstr("threads"), Not(HasSubstr("switches"))));
}

TEST(table, what_a_server_said_cannot_control_the_terminal) {
  comparison all = made_of({failed_row(sync(), "status: \x1b[31mred\n")});
  all.description = "\x1b]0;title\x07";
  detail::judge(all);
  const std::string text = render_table(all);
  EXPECT_THAT(text, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\x07")), HasSubstr("\\x1b[31mred\\x0a")));
}

TEST(table, a_speed_up_of_thousands_keeps_its_column) {
  comparison all = made_of({row(sync(), 1234567ms, 1), row(async(5), 400ms, 1)});
  detail::judge(all);
  EXPECT_THAT(render_table(all), HasSubstr("\nasync:5    0.400   3086  100.0"));
}

}  // namespace
}  // namespace fanout
