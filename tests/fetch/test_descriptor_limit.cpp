#include <fanout/fetch/descriptor_limit.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <stdexcept>

namespace {

using namespace fanout;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(descriptor_limit, is_that_of_the_process) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(fetch::descriptor_limit(), limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur);
}

TEST(descriptor_limit, shapes_that_fit_stay) {
  for (const char* text : {"sync", "threads:4", "async:64", "hybrid:64", "2x2x16", "auto"}) {
    const shape asked = parse_shape(text);
    EXPECT_EQ(fetch::fitted(asked, 1024), asked) << text;
    EXPECT_EQ(fetch::fitted(asked, UINT64_MAX), asked) << text;
  }
}

// 100 descriptors: 50 for the process, 8 for a loop, one for each connection.
TEST(descriptor_limit, others_get_fewer_tasks) {
  EXPECT_EQ(fetch::fitted(fanout::async(400), 100).tasks, 42u);
  EXPECT_EQ(fetch::fitted(parse_shape("1x2x100"), 100).tasks, 34u);
  EXPECT_EQ(fetch::fitted(parse_shape("2x2x100"), 100).tasks, 68u);
  EXPECT_EQ(fetch::fitted(fanout::threads(200), 100).tasks, 5u);
}

TEST(descriptor_limit, too_many_lanes_do_not_fit) {
  try {
    fetch::fitted(parse_shape("1x200x1"), 100);
    FAIL() << "it fits";
  } catch (const std::invalid_argument& why) {
    EXPECT_THAT(why.what(), AllOf(HasSubstr("1x200x1"), HasSubstr("100 open files"), HasSubstr("ulimit -n")));
  }
}

}  // namespace
