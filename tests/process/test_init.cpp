// Where a worker branches off from its program's main, and where a program goes on.

#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/init.hpp>

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>

namespace initializing {

using namespace fanout;

TEST(init, of_a_program_that_is_no_worker_returns_and_installs_the_workers) {
  std::string name = "program";
  std::string argument = "--fanout-worker=notanumber";
  std::array<char*, 3> arguments{name.data(), argument.data(), nullptr};
  init(2, arguments.data());
  init(0, nullptr);
  EXPECT_TRUE(detail::worker_backend_installed());
}

TEST(init, serve_worker_leaves_other_arguments_alone) {
  for (const char* each :
       {"", "--help", "--fanout-worker=", "--fanout-worker=x", "--fanout-worker=12x", "fanout-worker=1"})
    EXPECT_EQ(serve_worker(each), std::nullopt) << each;
}

TEST(init, serve_worker_of_a_parent_that_is_another_ends_at_once) {
  EXPECT_EXIT(std::_Exit(serve_worker("--fanout-worker=1").value_or(77)), testing::ExitedWithCode(1), "")
      << "its parent has ended, and it would wait for nobody";
}

TEST(init, a_build_is_not_told_by_an_address_of_no_object) {
  int on_the_stack = 0;
  EXPECT_THROW(identify_build_by(nullptr), std::invalid_argument);
  EXPECT_THROW(identify_build_by(&on_the_stack), std::invalid_argument);
}

}  // namespace initializing
