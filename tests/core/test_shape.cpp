#include <fanout/core/shape.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <stdexcept>
#include <string>

namespace fanout {
namespace {

using testing::HasSubstr;

std::string refused(const std::string& text) {
  try {
    parse_shape(text);
  } catch (const std::invalid_argument& why) {
    return why.what();
  }
  return "taken";
}

TEST(shape, is_read_as_it_is_written) {
  for (const char* text : {"sync", "threads:8", "async:64", "processes:4", "2x4x16", "auto"})
    EXPECT_EQ(to_string(parse_shape(text)), text);
  EXPECT_EQ(parse_shape("threads"), threads(32));
  EXPECT_EQ(parse_shape("async"), async(64));
  EXPECT_EQ(parse_shape("processes"), processes(available_cores()));
  EXPECT_EQ(parse_shape("2x4x16"), grid(2, 4, 16));
}

TEST(shape, that_is_none_is_quoted_and_what_is_accepted_is_said) {
  for (const char* text : {"", "thread", "threads:", "threads:0", "threads:x", "threads:-1", "async:64x", "sync:2",
                           "2x4", "2x4x", "0x1x1", "99999999999999999999x1x1", "threads:4097", "Async:4", " sync"}) {
    EXPECT_THAT(refused(text), HasSubstr(text)) << text;
    EXPECT_NE(refused(text), "taken") << text;
  }
}

TEST(shape, has_its_tasks_dealt_out_over_all_lanes) {
  EXPECT_EQ(grid(2, 4, 16).tasks, 128U);
  shape uneven = grid(1, 4, 3);
  uneven.tasks = 10;
  std::uint32_t all = 0;
  for (std::uint32_t lane = 0; lane < uneven.threads; ++lane) {
    EXPECT_GE(uneven.slots(lane), 2U);
    EXPECT_LE(uneven.slots(lane), 3U);
    all += uneven.slots(lane);
  }
  EXPECT_EQ(all, 10U);
}

TEST(shape, with_another_number_of_tasks_stays_what_it_is) {
  EXPECT_EQ(with_tasks(threads(8), 16), threads(16));
  EXPECT_EQ(with_tasks(async(8), 16), async(16));
  EXPECT_THROW(with_tasks(sync(), 2), std::invalid_argument);
  EXPECT_THROW(with_tasks(grid(2, 4, 16), 7), std::invalid_argument);
}

TEST(shape, has_limits_that_are_named) {
  EXPECT_THROW(threads(0), std::invalid_argument);
  EXPECT_NO_THROW(threads(shape_limits::threads));
  try {
    threads(shape_limits::threads + 1);
    FAIL();
  } catch (const std::invalid_argument& why) {
    EXPECT_THAT(why.what(), HasSubstr("4096"));
  }
  EXPECT_THROW(processes(shape_limits::processes + 1), std::invalid_argument);
  EXPECT_THROW(async(shape_limits::in_flight + 1), std::invalid_argument);
  shape machines = sync();
  machines.machines = 2;
  EXPECT_THROW(validate(machines), std::invalid_argument);
}

TEST(shape, has_machines_before_it) {
  const shape four = parse_shape("3x2x4x16");
  EXPECT_EQ(four.machines, 3u);
  EXPECT_EQ(four.processes, 2u);
  EXPECT_EQ(four.threads, 4u);
  EXPECT_EQ(four.in_flight, 16u);
  EXPECT_EQ(four.tasks, 384u) << "on all machines";
  EXPECT_EQ(four.slots(0), 16u) << "of each lane";
  EXPECT_EQ(to_string(four), "3x2x4x16");
  EXPECT_EQ(with_tasks(four, 48).in_flight, 2u);
  EXPECT_THROW(with_tasks(four, 50), std::invalid_argument);
  EXPECT_EQ(parse_shape("1x2x4x16"), grid(2, 4, 16));
  for (const char* text : {"0x2x4x16", "3x2x4x", "3x2x4x16x1", "10001x1x1x1", "1000x10x10x100"})
    EXPECT_THROW(parse_shape(text), std::invalid_argument) << text;
  EXPECT_THROW(validate(four), std::invalid_argument) << "it needs nodes to run on";
}

TEST(shape, uses_workers_for_isolation_even_if_there_is_one) {
  EXPECT_TRUE(processes(1).uses_workers());
  EXPECT_TRUE(grid(2, 1, 1).uses_workers());
  EXPECT_FALSE(grid(1, 4, 1).uses_workers());
  EXPECT_FALSE(sync().uses_workers());
}

}  // namespace
}  // namespace fanout
