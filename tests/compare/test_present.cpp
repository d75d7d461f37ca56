#include <fanout/compare/present.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace fanout {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::string_view one_row =
    R"({"machine":{"cores":2},"workloads":[{"name":"io","tasks":5,"kind":"I/O-bound","best":null,"rows":[)"
    R"({"engine":"fanout","shape":"sync","wall_s":2.5,"error":null,"failures":0,"latency_s":{"p50":0.4},)"
    R"("timeline":{"lanes":["a"],"tasks":[[0,0,0,1,null,1,null]]}}]}]})";
constexpr std::string_view hostile =
    R"({"workloads":[{"name":"</script><img src=x>","rows":[{"error":"=1+1,\"x\""}]}]})";

TEST(report_page, holds_its_report_and_says_how_it_was_made) {
  const std::string page = report_page(one_row, {.command = "fanout compare io", .made = "today"});
  EXPECT_THAT(page, AllOf(StartsWith("<!doctype html>"), HasSubstr("Content-Security-Policy"),
                          HasSubstr(R"("command":"fanout compare io","made":"today")"), Not(HasSubstr("{{"))));
  EXPECT_EQ(json::parse(report_in(page)), json::parse(one_row));
}

TEST(report_page, no_text_of_the_report_ends_its_element) {
  const std::string page = report_page(hostile, {.command = "</script>", .before = std::string(hostile)});
  EXPECT_THAT(page, Not(HasSubstr("<img")));
  EXPECT_THAT(page, HasSubstr(R"(\u003c/script>\u003cimg src=x>)"));
  EXPECT_EQ(json::parse(report_in(page)), json::parse(hostile));
}

TEST(report_page, the_older_report_may_be_json_or_a_page_and_is_shown_without_timelines) {
  const std::string old = report_page(one_row, {});
  for (const std::string& before : {std::string(one_row), old}) {
    const std::string page = report_page(hostile, {.before = before, .before_name = "old.html"});
    EXPECT_THAT(page, HasSubstr(R"("shape":"sync")"));
    EXPECT_THAT(page, HasSubstr(R"("against":"old.html")"));
    EXPECT_THAT(page, Not(HasSubstr(R"("lanes":["a"])")));
  }
}

TEST(report_page, what_is_no_report_is_refused) {
  for (const char* other :
       {"", "{", "[]", R"({"workloads":1})", R"({"workloads":[{"name":"io"}]})", "<!doctype html><p>A page</p>",
        R"(<!doctype html><script type="application/json" id="report">)"}) {
    SCOPED_TRACE(other);
    EXPECT_THROW(static_cast<void>(report_in(other)), std::invalid_argument);
    EXPECT_THROW(static_cast<void>(report_page(other, {})), std::invalid_argument);
  }
}

TEST(report_csv, has_a_line_for_each_row_under_the_names) {
  const std::string csv = to_csv(one_row);
  EXPECT_THAT(csv, StartsWith("workload_name,workload_tasks,"));
  EXPECT_THAT(csv, HasSubstr("\r\nio,5,I/O-bound,,,,,fanout,sync,2.5,"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 2);
}

TEST(report_csv, quotes_what_has_to_be_and_no_cell_is_a_formula) {
  EXPECT_THAT(to_csv(hostile), HasSubstr(R"(,"'=1+1,""x""",)"));
}

}  // namespace
}  // namespace fanout
