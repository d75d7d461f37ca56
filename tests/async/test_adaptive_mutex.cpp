// A mutex that spins for a moment before it sleeps.

#include <fanout/async/detail/adaptive_mutex.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using fanout::detail::adaptive_mutex;

/// Waits until that thread of this process is asleep.
void wait_until_asleep(const std::atomic<pid_t>& thread) {
  for (;;) {
    std::this_thread::yield();
    if (thread == 0) continue;
    std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
    std::string text;
    std::getline(file, text);
    if (const auto name_ends = text.rfind(") "); name_ends != text.npos && text[name_ends + 2] == 'S') return;
  }
}

TEST(adaptive_mutex, can_be_tried) {
  adaptive_mutex mutex;
  EXPECT_TRUE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock()) << "it is held";
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(adaptive_mutex, excludes_threads) {
  adaptive_mutex mutex;
  int inside = 0;
  long total = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(++inside, 1);
        if (round % 1'000 == 0) std::this_thread::yield();  // the others give up spinning and sleep
        ++total;
        --inside;
      }
    });
  threads.clear();
  EXPECT_EQ(total, 80'000);
}

TEST(adaptive_mutex, one_unlock_lets_all_sleepers_have_it_in_turn) {
  adaptive_mutex mutex;
  std::vector<std::atomic<pid_t>> sleepers(3);
  int taken = 0;
  mutex.lock();
  std::vector<std::jthread> threads;
  for (auto& sleeper : sleepers)
    threads.emplace_back([&] {
      sleeper = gettid();
      const std::lock_guard lock(mutex);
      ++taken;
    });
  for (const auto& sleeper : sleepers) wait_until_asleep(sleeper);
  EXPECT_EQ(taken, 0);
  mutex.unlock();
  threads.clear();
  EXPECT_EQ(taken, 3);
  EXPECT_TRUE(mutex.try_lock()) << "nobody holds it any more";
  mutex.unlock();
}

TEST(adaptive_mutex, may_be_destroyed_by_whoever_held_it_last) {
  for (int round = 0; round < 500; ++round) {
    auto mutex = std::make_unique<adaptive_mutex>();
    bool handed_over = false;
    mutex->lock();
    std::jthread last([&] {
      for (bool mine = false; !mine;) {
        const std::lock_guard lock(*mutex);
        mine = handed_over;
      }
      mutex.reset();
    });
    handed_over = true;
    mutex->unlock();  // reads nothing of it after that; the address sanitizer would tell
  }
}

}  // namespace
