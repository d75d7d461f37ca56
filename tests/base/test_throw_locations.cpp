// Where an exception was thrown. In builds that have fanout::throw_locations: with GCC and without a sanitizer.

#include "base/throw_locations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using fanout::detail::throw_location;

int thrown_at = 0;

[[noreturn, gnu::noinline]] void throw_here() {
  thrown_at = __LINE__ + 1;
  throw std::runtime_error("here");
}

/// The object that `thrower` throws stays alive for as long as the pointer does.
std::exception_ptr caught(void (*thrower)(), const void*& object) {
  try {
    thrower();
  } catch (const std::exception& thrown) {
    object = &thrown;
    return std::current_exception();
  }
  return nullptr;
}

class throw_locations : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!throw_location) GTEST_SKIP() << "this build has no fanout::throw_locations: it takes GCC and no sanitizer";
  }
};

TEST_F(throw_locations, name_the_function_the_file_and_the_line) {
  const void* object = nullptr;
  const auto kept = caught(throw_here, object);
  EXPECT_THAT(throw_location(object),
              testing::MatchesRegex(".*throw_here.* at test_throw_locations\\.cpp:" + std::to_string(thrown_at)));
}

TEST_F(throw_locations, pass_over_the_functions_of_the_standard_library) {
  const void* object = nullptr;
  const auto kept = caught([] { static_cast<void>(std::vector<int>().at(3)); }, object);
  EXPECT_THAT(throw_location(object), testing::HasSubstr("test_throw_locations.cpp:"));
}

TEST_F(throw_locations, are_known_to_another_thread) {
  const void* object = nullptr;
  std::exception_ptr kept;
  std::thread([&] { kept = caught(throw_here, object); }).join();
  EXPECT_THAT(throw_location(object), testing::HasSubstr("throw_here"));
}

TEST_F(throw_locations, of_what_was_never_thrown_are_empty) {
  const std::runtime_error only_made("never thrown");
  EXPECT_EQ(throw_location(&only_made), "");
}

TEST_F(throw_locations, are_forgotten_after_many_later_throws) {
  const void* object = nullptr;
  const auto kept = caught(throw_here, object);
  for (int i = 0; i < 128; ++i) {
    const void* other = nullptr;
    const auto later = caught(throw_here, other);
  }
  EXPECT_EQ(throw_location(object), "") << "the table of throws is bounded";
}

}  // namespace
