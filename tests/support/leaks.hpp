#pragma once

#include <fanout/async/thread_executor.hpp>

#include "support/sanitized.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

/// What a test leaves behind in this process: descriptors, threads, children.
namespace fanout::test {

inline std::size_t count_entries(const char* directory) {
  const std::filesystem::directory_iterator entries(directory);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

/// Whether PID is the program that a sanitizer starts to look up the name of a function, of a race that is suppressed
/// too, and keeps until the test program ends.
inline bool is_symbolizer(int pid) {
  if (!sanitized) return false;
  std::string name;
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::getline(file, name);
  return name.starts_with("llvm-symbolize");
}

/// The children of this process, zombies included, but for a sanitizer's own.
inline std::set<int> children(bool symbolizers = false) {
  std::set<int> pids;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(thread.path() / "children");
    int pid = 0;
    while (file >> pid) {
      if (is_symbolizer(pid) == symbolizers) pids.insert(pid);
    }
  }
  return pids;
}

/// Two pipes lead to each symbolizer and back; they do not count.
inline std::size_t open_descriptors() {
  return count_entries("/proc/self/fd") - (sanitized ? 2 * children(true).size() : 0);
}
inline std::size_t live_threads() {
  return count_entries("/proc/self/task");
}

/// The thread sanitizer starts a thread of its own beside the first one that a program starts. Here that happens before
/// anything is counted.
inline void settle_sanitizer() {
  if (!thread_sanitized) return;
  [[maybe_unused]] static const bool settled = [] {
    const std::size_t before = live_threads();
    std::thread([] {}).join();
    // The kernel has yet to take the joined one's entry away.
    while (live_threads() > std::max<std::size_t>(before, 2)) std::this_thread::yield();
    return true;
  }();
}

/// The threads that blocking calls are made on by default stay until the program ends: a write to a disk that is busy
/// starts one.
inline std::size_t threads_that_stay() {
  return thread_executor::shared().statistics().threads;
}

/// A fixture that fails when its test leaks a descriptor, a thread or a child.
class leak_checked : public ::testing::Test {
 protected:
  void SetUp() override {
    settle_sanitizer();
    descriptors_ = open_descriptors();
    threads_ = live_threads() - threads_that_stay();
    children_ = children();
  }
  void TearDown() override {
    // A server of the fixture's own closes its side of a connection on its own thread, a moment after the client did. A
    // joined thread has ended, but the kernel takes its entry away a moment later.
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2);
    while (open_descriptors() > descriptors_ && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(open_descriptors(), descriptors_) << "a descriptor leaked";
    const auto threads = [] { return live_threads() - threads_that_stay(); };
    while (threads() > threads_ && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    EXPECT_EQ(threads(), threads_) << "a thread leaked";
    EXPECT_EQ(children(), children_) << "a child process leaked";
  }

 private:
  std::size_t descriptors_ = 0;
  std::size_t threads_ = 0;
  std::set<int> children_;
};

}  // namespace fanout::test
