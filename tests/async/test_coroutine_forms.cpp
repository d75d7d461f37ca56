// What may be written in a co_await expression: each form constructs and destroys every temporary once, and is right.

#include "async/coroutine_forms.hpp"
#include "support/run_to_end.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace {

using namespace fanout;
namespace forms = test::forms;

class every_form : public testing::TestWithParam<forms::form> {};

TEST_P(every_form, constructs_and_destroys_each_temporary_once) {
  forms::seen() = {};
  test::run_to_end(GetParam().run());
  EXPECT_EQ(forms::seen().alive.size(), 0U) << "not destroyed";
  EXPECT_EQ(forms::seen().destroyed_twice, 0) << "destroyed twice, or a copy of its bytes";
  EXPECT_EQ(forms::seen().used_dead, 0);
  EXPECT_EQ(forms::seen().wrong, 0) << "another value";
}

INSTANTIATE_TEST_SUITE_P(coroutines, every_form, testing::ValuesIn(forms::right),
                         [](const auto& form) { return std::string(form.param.name); });

}  // namespace
