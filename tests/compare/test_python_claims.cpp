#include <fanout/compare/beside_python.hpp>

#include "compare/python_rows.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace fanout::detail {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(python_claims, are_what_was_measured) {
  const auto claims = python_claims(json::parse(test::primes_beside_python).as_object());
  EXPECT_THAT(claims,
              ElementsAre("2 CPU-bound threads of Python 3.11 ran 0.97 x as fast as one: the GIL lets one of them "
                          "compute at a time; the same on fanout: 1.98 x.",
                          "2 CPU-bound threads of Python 3.14 (no GIL) ran 1.90 x as fast as one: without the GIL they "
                          "compute in parallel; the same on fanout: 1.98 x."));
  EXPECT_THAT(python_claims({}), ElementsAre());
}

TEST(python_claims, conclude_nothing_under_noise_or_next_to_other_programs) {
  for (const auto& [disturbance, said] : std::map<std::string, std::string>{
           {R"("noise":0.23,)", "within noise of 23 %: too much to conclude anything"},
           {R"("others_cores":0.9,)", "other programs used 0.90 cores: this shows nothing about the GIL"}}) {
    std::string report(test::primes_beside_python);
    report.insert(report.find(R"("best")"), disturbance);
    const auto claims = python_claims(json::parse(report).as_object());
    ASSERT_EQ(claims.size(), 2U);
    for (const auto& claim : claims) EXPECT_THAT(claim, AllOf(HasSubstr(said), Not(HasSubstr("at a time"))));
  }
}

TEST(python_claims, say_no_more_at_a_time_than_there_are_tasks) {
  std::string report(test::pages_beside_python);
  report.replace(report.find("async:5\",\"wall_s"), 7, "async:20");
  report.insert(report.find(R"("best")"), R"("tasks":7,)");
  const auto claims = python_claims(json::parse(report).as_object());
  EXPECT_THAT(claims, ::testing::Contains(HasSubstr("asyncio on Python 3.11 ran 7 fetches at a time 5.00 x")));
}

TEST(python_claims, name_the_interpreter_in_the_order_asked_for) {
  const auto claims = python_claims(json::parse(test::pages_beside_python).as_object());
  EXPECT_THAT(claims,
              ElementsAre("5 threads of Python 3.11 that wait ran 5.00 x as fast as one: a thread gives the GIL "
                          "back while it waits.",
                          "One thread of asyncio on Python 3.11 ran 5 fetches at a time 5.00 x as fast as one after "
                          "another: while one waits, the next continues.",
                          "5 threads of Python 3.14 (no GIL) that wait ran 4.00 x as fast as one."));
}

}  // namespace
}  // namespace fanout::detail
