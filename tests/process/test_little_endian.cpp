// Numbers and texts of messages between machines: the lowest byte first, on every machine.

#include "process/node/little_endian.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace little_endians {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;

std::string written() {
  std::string bytes;
  little_endian_writer out(bytes);
  out.u32(0x01020304);
  out.u64(0x1112131415161718);
  out.duration(-2ns);
  out.text("abc");
  return bytes;
}

TEST(little_endian, bytes_are_the_same_everywhere) {
  EXPECT_EQ(written(), std::string("\x04\x03\x02\x01"
                                   "\x18\x17\x16\x15\x14\x13\x12\x11"
                                   "\xfe\xff\xff\xff\xff\xff\xff\xff"
                                   "\x03\0\0\0\0\0\0\0abc",
                                   31));
}

TEST(little_endian, what_was_written_is_read_and_no_more_is_taken) {
  const std::string bytes = written() + "rest";
  std::string_view left = bytes;
  little_endian_reader in(left);
  EXPECT_EQ(in.u32(), 0x01020304U);
  EXPECT_EQ(in.u64(), 0x1112131415161718U);
  EXPECT_EQ(in.duration(), -2ns);
  EXPECT_EQ(in.text(), "abc");
  EXPECT_EQ(left, "rest");
  EXPECT_EQ(in.raw(4), "rest");
  EXPECT_EQ(in.raw(0), "");
}

TEST(little_endian, bytes_that_are_cut_anywhere_are_a_protocol_error) {
  const std::string bytes = written();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    std::string_view left = std::string_view(bytes).substr(0, size);
    little_endian_reader in(left);
    try {
      in.u32();
      in.u64();
      in.duration();
      in.text();
      ADD_FAILURE() << "cut after " << size;
    } catch (const error& why) {
      EXPECT_EQ(why.kind(), failure_kind::protocol);
    }
  }
}

TEST(little_endian, a_size_beyond_all_memory_is_a_protocol_error) {
  const std::string bytes = std::string(8, '\xff') + "abc";
  std::string_view left = bytes;
  EXPECT_THROW(little_endian_reader(left).text(), error);
}

}  // namespace little_endians
