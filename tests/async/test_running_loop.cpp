// Which threads run an event loop.

#include <fanout/async/detail/running_loop.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace {

using fanout::detail::running_loop;

TEST(running_loop, is_known_on_its_thread_only_and_nests) {
  EXPECT_FALSE(running_loop::on_this_thread());
  {
    const running_loop outer;
    EXPECT_TRUE(running_loop::on_this_thread());
    {
      const running_loop inner;
      EXPECT_TRUE(running_loop::on_this_thread());
    }
    EXPECT_TRUE(running_loop::on_this_thread()) << "the outer one still runs";
    std::thread([] { EXPECT_FALSE(running_loop::on_this_thread()); }).join();
  }
  EXPECT_FALSE(running_loop::on_this_thread());
}

}  // namespace
