// How a process knows that it is a worker, and whose.

#include "process/worker/worker.hpp"

#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>

namespace workers_of_somebody {

using fanout::detail::parent_in;
using fanout::detail::started_as_worker;

TEST(worker_argument, the_argument_names_its_parent_and_nothing_else_is_one) {
  EXPECT_EQ(parent_in("--fanout-worker=1234"), 1234);
  for (const char* each : {"", "--fanout-worker", "--fanout-worker=", "--fanout-worker= 1", "--fanout-worker=1 ",
                           "--fanout-worker=1x", "--fanout-worker=99999999999999999999", "x--fanout-worker=1"})
    EXPECT_EQ(parent_in(each), std::nullopt) << each;
}

TEST(worker_argument, one_is_started_with_that_argument_alone) {
  std::string name = "program";
  std::string mark = "--fanout-worker=77";
  std::string other = "other";
  std::array<char*, 4> only{name.data(), mark.data(), nullptr, nullptr};
  EXPECT_EQ(started_as_worker(2, only.data()), 77);
  std::array<char*, 4> more{name.data(), mark.data(), other.data(), nullptr};
  EXPECT_EQ(started_as_worker(3, more.data()), std::nullopt) << "that is an argument of the program's own";
  EXPECT_EQ(started_as_worker(1, only.data()), std::nullopt);
  EXPECT_EQ(started_as_worker(0, nullptr), std::nullopt) << "the arguments of this process are not a worker's";
}

}  // namespace workers_of_somebody
