// Remote functions by name: bytes in, bytes out, under every shape.

#include <fanout/fanout.hpp>
#include <fanout/process/untyped.hpp>

#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace untyped_tests {

using namespace fanout;

int square(int x) {
  if (x == 3) throw std::runtime_error("no three");
  return x * x;
}

task<std::string> greet(std::string greeting, std::string name) {
  co_return greeting + name;
}

template <class Function, class Input>
std::vector<std::string> encoded(const Function& function, const std::vector<Input>& values) {
  std::vector<std::string> all;
  for (const Input& each : values) function.encode(each, all.emplace_back());
  return all;
}

class untyped_functions : public test::leak_checked {};

TEST_F(untyped_functions, give_what_the_typed_ones_do) {
  const auto numbers = encoded(remote<square>, std::vector{1, 2, 3, 4});
  for (const char* const shape : {"sync", "threads:2", "processes:2"}) {
    options how(parse_shape(shape));
    how.on_error = on_error::collect;
    const auto got = map_outcomes(how, untyped(remote<square>), numbers);
    ASSERT_EQ(got.size(), 4u) << shape;
    EXPECT_EQ(remote<square>.decode_result(got[3].value()), 16) << shape;
    ASSERT_FALSE(got[2].ok()) << shape;
    EXPECT_EQ(got[2].error().message, "no three") << shape;
    EXPECT_EQ(got[2].error().type, "std::runtime_error") << shape;
  }
}

TEST_F(untyped_functions, have_a_context_and_may_be_coroutines) {
  const auto bound = remote<greet>.with(std::string("hello, "));
  const auto names = encoded(bound, std::vector<std::string>{"you", "and you"});
  for (const char* const shape : {"sync", "async:2", "threads:2", "processes:2", "2x1x2"}) {
    const auto got = map(parse_shape(shape), untyped(bound), names);
    ASSERT_EQ(got.size(), 2u) << shape;
    EXPECT_EQ(bound.decode_result(got[1]), "hello, and you") << shape;
  }
}

TEST_F(untyped_functions, that_are_not_there_fail_each_task) {
  const untyped_function<false> nobody("nobody", "");
  options how(fanout::threads(2));
  how.on_error = on_error::collect;
  const auto got = map_outcomes(how, nobody, std::vector<std::string>{"a", "b"});
  ASSERT_EQ(got.size(), 2u);
  for (const auto& out : got) EXPECT_THAT(out.error().message, testing::HasSubstr("nobody"));
}

}  // namespace untyped_tests
