#include "http/loop/h2_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

namespace {

using fanout::http::h2_memory;

TEST(h2_memory, uses_blocks_again) {
  h2_memory memory;
  const nghttp2_mem of = memory.functions();
  void* const first = of.malloc(100, of.mem_user_data);
  of.free(first, of.mem_user_data);
  EXPECT_EQ(of.malloc(120, of.mem_user_data), first) << "both take two times 64 bytes";
  of.free(first, of.mem_user_data);
}

TEST(h2_memory, keeps_what_a_block_holds_when_it_grows) {
  h2_memory memory;
  const nghttp2_mem of = memory.functions();
  void* bytes = of.realloc(nullptr, 10, of.mem_user_data);
  std::memcpy(bytes, "123456789", 10);
  for (const std::size_t size : {64u, 65u, 5000u, 100'000u}) {
    bytes = of.realloc(bytes, size, of.mem_user_data);
    ASSERT_NE(bytes, nullptr);
    EXPECT_STREQ(static_cast<const char*>(bytes), "123456789");
  }
  of.free(bytes, of.mem_user_data);
}

TEST(h2_memory, clears_what_is_to_be_clear_and_refuses_what_cannot_be) {
  h2_memory memory;
  const nghttp2_mem of = memory.functions();
  void* const dirty = of.malloc(64, of.mem_user_data);
  std::memset(dirty, 1, 64);
  of.free(dirty, of.mem_user_data);
  auto* const clear = static_cast<char*>(of.calloc(8, 8, of.mem_user_data));
  EXPECT_EQ(clear, dirty);
  for (int i = 0; i < 64; ++i) EXPECT_EQ(clear[i], 0);
  of.free(clear, of.mem_user_data);
  EXPECT_EQ(of.calloc(std::numeric_limits<std::size_t>::max(), 2, of.mem_user_data), nullptr);
  EXPECT_EQ(of.malloc(std::numeric_limits<std::size_t>::max(), of.mem_user_data), nullptr);
  of.free(nullptr, of.mem_user_data);
}

}  // namespace
