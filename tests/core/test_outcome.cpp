#include <fanout/core/outcome.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

namespace fanout {
namespace {

using detail::outcome_access;

struct of_its_own : std::runtime_error {
  using std::runtime_error::runtime_error;
};

TEST(outcome, has_a_value) {
  outcome<std::unique_ptr<int>> out;
  outcome_access::succeed(out, std::make_unique<int>(7));
  EXPECT_TRUE(out.ok());
  EXPECT_TRUE(out);
  EXPECT_EQ(*out.value(), 7);
  EXPECT_THROW(out.error(), std::logic_error);
  const auto taken = std::move(out).value();
  EXPECT_EQ(*taken, 7);
}

TEST(outcome, of_nothing_succeeds) {
  outcome<void> out;
  outcome_access::succeed(out);
  EXPECT_TRUE(out.ok());
  EXPECT_NO_THROW(out.value());
}

TEST(outcome, that_is_a_failure_throws_it_where_the_value_is_asked_for) {
  outcome<int> out;
  outcome_access::fail(out, failure{failure_kind::timeout, "it took 3 s"});
  EXPECT_FALSE(out);
  EXPECT_EQ(out.error().kind, failure_kind::timeout);
  try {
    out.value();
    FAIL();
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::timeout);
    EXPECT_STREQ(thrown.what(), "it took 3 s");
  }
  EXPECT_THROW(std::as_const(out).value(), error);
  EXPECT_THROW(std::move(out).value(), error);
}

TEST(outcome, throws_the_very_exception_of_the_task) {
  outcome<int> out;
  try {
    throw of_its_own("mine");
  } catch (...) {
    outcome_access::fail(out, current_failure());
  }
  EXPECT_THROW(out.value(), of_its_own);
}

TEST(outcome, of_no_task_has_neither) {
  outcome<int> out;
  EXPECT_FALSE(out.ok());
  EXPECT_THROW(out.value(), std::logic_error);
  EXPECT_THROW(out.error(), std::logic_error);
}

TEST(outcome, knows_how_long_the_task_took) {
  outcome<int> out;
  out.started = outcome_facts::clock::time_point(std::chrono::seconds(5));
  out.finished = outcome_facts::clock::time_point(std::chrono::seconds(7));
  EXPECT_EQ(out.elapsed(), std::chrono::seconds(2));
}

}  // namespace
}  // namespace fanout
