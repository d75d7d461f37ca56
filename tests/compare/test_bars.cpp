#include <fanout/compare/beside_python.hpp>

#include "compare/python_rows.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace fanout::detail {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(bars, say_what_fetched_in_which_row) {
  const json::object workload = json::parse(test::pages_beside_python).at("workloads").at(0).as_object();
  EXPECT_THAT(render_bars(workload, false),
              HasSubstr("\nPython 3.11 fetched with requests 2.34 (sync, threads:5), aiohttp 3.14\n(async:5).\n"
                        "Python 3.14t fetched with urllib (threads:5).\n"));
}

TEST(bars, are_as_long_as_the_speed_up_and_coloured_only_where_asked_for) {
  const json::object workload = json::parse(test::primes_beside_python).at("workloads").at(0).as_object();
  const std::string text = render_bars(workload, false);
  EXPECT_THAT(text, HasSubstr("threads:2                 1.98 x    0.500 s ###################################\n"));
  EXPECT_THAT(text, HasSubstr("Python 3.14t threads:2"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(render_bars(workload, true), HasSubstr("\x1b[32m###"));
}

TEST(rendered_claims, are_a_list_that_fits_a_terminal) {
  json::object report = json::parse(test::primes_beside_python).as_object();
  EXPECT_EQ(render_claims(report), "");
  json::array all;
  for (const auto& claim : python_claims(report)) all.emplace_back(claim);
  all.emplace_back("one that is short, with \x1b[31m");
  report["claims"] = all;
  EXPECT_THAT(render_claims(report), AllOf(testing::StartsWith("\n- 2 CPU-bound threads of Python 3.11 ran 0.97 x"),
                                           testing::EndsWith("\n- one that is short, with \\x1b[31m\n")));
  for (const std::size_t width : {80U, 50U}) {
    std::istringstream lines(render_claims(report, width));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), width) << line;
  }
}

}  // namespace
}  // namespace fanout::detail
