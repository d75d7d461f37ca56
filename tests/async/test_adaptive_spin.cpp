// When who has to wait looks first, and when not.

#include <fanout/async/detail/adaptive_spin.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

using fanout::detail::adaptive_spin;

void note_from_another_thread(adaptive_spin& side) {
  std::thread([&] { side.note(); }).join();
}

/// Whether a wait that is served, or not, after it was looked for is looked for at all.
bool looks(adaptive_spin& side, bool served) {
  bool looked = false;
  const bool told = side.serves_soon({}, [&]() noexcept { return looked = true, served; });
  EXPECT_EQ(told, looked && served);
  return looked;
}

TEST(adaptive_spin, is_looked_for_on_other_threads_only) {
  adaptive_spin side;
  EXPECT_FALSE(looks(side, true)) << "nobody was there yet";
  side.note();
  EXPECT_FALSE(looks(side, true)) << "it runs on this thread";
  note_from_another_thread(side);
  EXPECT_TRUE(looks(side, true));
}

TEST(adaptive_spin, is_looked_for_again) {
  adaptive_spin side;
  note_from_another_thread(side);
  int looked = 0;
  EXPECT_TRUE(side.serves_soon({}, [&]() noexcept { return ++looked == 2; }));
  EXPECT_EQ(looked, 2);
}

TEST(adaptive_spin, that_takes_its_time_is_looked_for_less_and_less) {
  adaptive_spin side;
  note_from_another_thread(side);
  std::vector<int> skipped{0};
  while (skipped.size() < 10)
    if (looks(side, false))
      skipped.push_back(0);
    else
      ++skipped.back();
  EXPECT_EQ(skipped, (std::vector{0, 1, 3, 7, 15, 31, 63, 63, 63, 0}));
  for (int i = 0; i < 63; ++i) EXPECT_FALSE(looks(side, true));
  EXPECT_TRUE(looks(side, true));
  EXPECT_TRUE(looks(side, true)) << "it has become quick";
}

}  // namespace
