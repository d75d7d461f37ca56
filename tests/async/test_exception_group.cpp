// Several failures thrown together.

#include <fanout/async/exception_group.hpp>
#include <fanout/base/failure.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace fanout;

std::exception_ptr failed(const std::string& message) {
  return std::make_exception_ptr(std::runtime_error(message));
}

TEST(exception_group, says_how_many_and_names_each_in_order) {
  const exception_group both({failed("first"), failed("second")});
  EXPECT_STREQ(both.what(), "2 failures: [1] first; [2] second");
  ASSERT_EQ(both.exceptions().size(), 2U);
  EXPECT_THROW(std::rethrow_exception(both.exceptions()[0]), std::runtime_error);
}

TEST(exception_group, names_what_is_no_std_exception) {
  const exception_group odd(
      {std::make_exception_ptr(42), std::make_exception_ptr(error(failure_kind::dns, "no host"))});
  const std::string text = odd.what();
  EXPECT_NE(text.find("[1] "), text.npos);
  EXPECT_NE(text.find("int"), text.npos) << text;
  EXPECT_NE(text.find("[2] no host"), text.npos) << text;
}

TEST(exception_group, nests) {
  const auto inner = std::make_exception_ptr(exception_group({failed("a"), failed("b")}));
  EXPECT_STREQ(exception_group({inner, failed("c")}).what(), "2 failures: [1] 2 failures: [1] a; [2] b; [2] c");
}

TEST(exception_group, a_copy_has_the_same_exceptions_and_cannot_throw) {
  static_assert(std::is_nothrow_copy_constructible_v<exception_group>);
  const exception_group original({failed("a"), failed("b")});
  const exception_group copy = original;  // NOLINT(performance-unnecessary-copy-initialization): it is what is tested
  EXPECT_EQ(&copy.exceptions(), &original.exceptions());
  EXPECT_STREQ(copy.what(), original.what());
}

TEST(throw_together, of_none_throws_nothing) {
  EXPECT_NO_THROW(throw_together({}));
}

TEST(throw_together, of_one_throws_that_as_it_is) {
  EXPECT_THROW(throw_together({std::make_exception_ptr(std::out_of_range("only"))}), std::out_of_range);
}

TEST(throw_together, of_several_throws_a_group) {
  EXPECT_THROW(throw_together({failed("a"), failed("b")}), exception_group);
}

}  // namespace
