// The worker's end of the socket to its parent.

#include "process/parent_end.hpp"
#include "process/worker/parent_link.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>

namespace parent_links {

using namespace fanout;
using namespace fanout::detail;

class parent_link_ends : public test::leak_checked {};

TEST_F(parent_link_ends, fill_reads_what_there_is_and_does_not_wait) {
  const test::parent_end parent;
  parent_link link(parent.workers_socket());
  frame_reader reader;
  EXPECT_TRUE(link.fill(reader));
  EXPECT_FALSE(reader.next());
  parent.send_frame(frame_type::forget, "abc");
  EXPECT_TRUE(link.fill(reader));
  const auto frame = reader.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->payload, "abc");
}

TEST_F(parent_link_ends, wait_and_fill_waits) {
  const test::parent_end parent;
  parent_link link(parent.workers_socket());
  frame_reader reader;
  std::jthread later([&] { parent.send_frame(frame_type::forget, "late"); });
  EXPECT_TRUE(link.wait_and_fill(reader));
  while (!reader.peek()) EXPECT_TRUE(link.wait_and_fill(reader));
  EXPECT_EQ(reader.next()->payload, "late");
}

TEST_F(parent_link_ends, the_end_of_the_parent_comes_after_what_it_has_sent) {
  const test::parent_end parent;
  parent_link link(parent.workers_socket());
  frame_reader reader;
  parent.send_frame(frame_type::forget, "last");
  parent.close_sending();
  EXPECT_TRUE(link.wait_and_fill(reader));
  EXPECT_EQ(reader.next()->payload, "last");
  EXPECT_FALSE(link.fill(reader));
  EXPECT_FALSE(link.wait_and_fill(reader));
  link.wait_readable();  // returns: the end is something to read
}

TEST_F(parent_link_ends, stop_reading_ends_a_wait) {
  const test::parent_end parent;
  parent_link link(parent.workers_socket());
  frame_reader reader;
  std::jthread other([&] { link.stop_reading(); });
  EXPECT_FALSE(link.wait_and_fill(reader));
}

TEST_F(parent_link_ends, sends_all_however_much_it_is) {
  test::parent_end parent;
  parent_link link(parent.workers_socket());
  const std::string large(3 << 20, 'x');
  std::jthread sender([&] {
    send_frame(link, frame_type::returned, returned_frame{7});
    std::string bytes;
    frame_writer frame(bytes, frame_type::results);
    bytes += large;
    frame.close();
    link.send_all(bytes);
  });
  const auto first = parent.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->type, frame_type::returned);
  EXPECT_EQ(first->payload.size(), sizeof(returned_frame));
  const auto second = parent.next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->payload, large);
}

TEST_F(parent_link_ends, a_parent_that_is_gone_is_no_error_and_no_signal) {
  test::parent_end parent;
  parent_link link(parent.workers_socket());
  parent.close();
  link.send_all(std::string(1 << 20, 'x'));
  frame_reader reader;
  EXPECT_FALSE(link.fill(reader));
}

}  // namespace parent_links
