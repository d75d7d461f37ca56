#include "fetch/schedule/granule_arena.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace {

using fanout::fetch::granule_arena;

TEST(granule_arena, what_it_gives_out_does_not_overlap) {
  struct piece {
    std::uint32_t handle;
    std::size_t size;
    unsigned char mark;
  };
  granule_arena arena;
  std::vector<piece> pieces;
  std::mt19937 random(1);
  const auto whole = [&arena](const piece& p) {
    const auto* bytes = arena.at(p.handle);
    for (std::size_t i = 0; i < p.size; ++i)
      if (static_cast<unsigned char>(bytes[i]) != p.mark) return false;
    return true;
  };
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 3 != 0 || pieces.empty()) {
      const std::size_t size = random() % 10 == 0 ? 1 + random() % granule_arena::largest : 1 + random() % 100;
      const piece made{arena.allocate(size), size, static_cast<unsigned char>(random())};
      ASSERT_NE(made.handle, 0U);
      std::memset(arena.at(made.handle), made.mark, size);
      pieces.push_back(made);
    } else {
      std::swap(pieces[random() % pieces.size()], pieces.back());
      ASSERT_TRUE(whole(pieces.back()));
      arena.free(pieces.back().handle, pieces.back().size);
      pieces.pop_back();
    }
  }
  for (const auto& p : pieces) {
    ASSERT_TRUE(whole(p));
    arena.free(p.handle, p.size);
  }
  EXPECT_EQ(arena.used(), 0U);
}

TEST(granule_arena, what_was_freed_is_used_again) {
  granule_arena arena;
  for (int i = 0; i < 100'000; ++i) arena.free(arena.allocate(4'000), 4'000);
  EXPECT_LE(arena.reserved(), 512U * 1024);
}

}  // namespace
