#include <fanout/base/failure.hpp>

#include <gtest/gtest.h>

namespace {

using namespace fanout;

struct out_of_cheese : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class Thrower>
failure caught(Thrower thrower) {
  try {
    thrower();
  } catch (...) {
    return current_failure();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

TEST(failure, every_kind_has_a_name_that_parses_back) {
  for (int kind = 0; kind <= static_cast<int>(failure_kind::task_failed); ++kind) {
    const auto name = to_string(static_cast<failure_kind>(kind));
    EXPECT_NE(name, "unknown");
    EXPECT_EQ(parse_failure_kind(name), static_cast<failure_kind>(kind));
  }
  EXPECT_EQ(parse_failure_kind("no_such_kind"), std::nullopt);
}

TEST(failure, an_error_keeps_its_kind) {
  const auto result = caught([] { throw error(failure_kind::too_large, "11 bytes, 10 allowed"); });
  EXPECT_EQ(result.kind, failure_kind::too_large);
  EXPECT_EQ(result.message, "11 bytes, 10 allowed");
  EXPECT_TRUE(result.exception);
}

TEST(failure, a_user_exception_keeps_its_type_message_and_identity) {
  const auto result = caught([] { throw out_of_cheese("none left"); });
  EXPECT_EQ(result.kind, failure_kind::task_failed);
  EXPECT_EQ(result.message, "none left");
  EXPECT_EQ(result.type, "(anonymous namespace)::out_of_cheese");
  EXPECT_THROW(std::rethrow_exception(result.exception), out_of_cheese);
}

TEST(failure, what_is_no_std_exception_is_named_by_its_type) {
  const auto result = caught([] { throw 42; });
  EXPECT_EQ(result.kind, failure_kind::task_failed);
  EXPECT_EQ(result.message, "an exception of type int");
}

}  // namespace
