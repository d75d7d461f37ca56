// The value of a task that has ended, or what it threw.

#include <fanout/async/settled.hpp>

#include <gtest/gtest.h>

#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace {

using fanout::settled;

TEST(settled, has_a_value) {
  settled<std::string> good("text", nullptr);
  EXPECT_TRUE(good.ok());
  EXPECT_TRUE(static_cast<bool>(good));
  EXPECT_EQ(good.value(), "text");
  EXPECT_EQ(good.exception(), nullptr);
  good.value() += "!";
  EXPECT_EQ(std::as_const(good).value(), "text!");
}

TEST(settled, throws_what_the_task_threw) {
  const settled<int> bad(std::nullopt, std::make_exception_ptr(std::out_of_range("row 7")));
  EXPECT_FALSE(bad.ok());
  EXPECT_TRUE(bad.exception());
  EXPECT_THROW(static_cast<void>(bad.value()), std::out_of_range);
  EXPECT_THROW(static_cast<void>(bad.value()), std::out_of_range) << "it can be asked again";
}

TEST(settled, of_nothing_throws_logic_error) {
  EXPECT_FALSE(settled<int>().ok());
  EXPECT_THROW(static_cast<void>(settled<int>().value()), std::logic_error);
}

TEST(settled, of_a_task_without_a_value_has_a_monostate) {
  static_assert(std::is_same_v<settled<void>::value_type, std::monostate>);
  const settled<void> done(std::monostate{}, nullptr);
  EXPECT_TRUE(done.ok());
  EXPECT_NO_THROW(static_cast<void>(done.value()));
}

TEST(settled, gives_its_value_away) {
  settled<std::unique_ptr<int>> owner(std::make_unique<int>(7), nullptr);
  const std::unique_ptr<int> taken = std::move(owner).value();
  EXPECT_EQ(*taken, 7);
}

}  // namespace
