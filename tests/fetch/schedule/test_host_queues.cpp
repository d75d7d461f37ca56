#include "fetch/schedule/host_queues.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using fanout::fetch::host_queues;
using fanout::fetch::host_record;

TEST(host_queues, are_queues_in_memory_and_on_disk) {
  const fanout_test::temporary_directory directory;
  std::mt19937_64 random(3);
  host_queues queues(1'000, 20'000, directory.path());
  std::vector<host_record> hosts(20);
  std::vector<std::deque<std::pair<std::uint64_t, std::string>>> model(hosts.size());
  std::uint64_t index = 0;
  for (int step = 0; step < 30'000; ++step) {
    const auto at = random() % hosts.size();
    ASSERT_EQ(host_queues::any(hosts[at]), !model[at].empty());
    const std::string payload(random() % 300 == 0 ? 20'000 : random() % 200, static_cast<char>('a' + random() % 26));
    const auto choice = random() % 100;
    if (choice < 50) {
      queues.push(hosts[at], ++index, payload);
      model[at].emplace_back(index, payload);
    } else if (choice < 60) {
      queues.push_front(hosts[at], ++index, payload);
      model[at].emplace_front(index, payload);
    } else if (!model[at].empty()) {
      std::pair<std::uint64_t, std::string> first;
      queues.pop(hosts[at], first.first, first.second);
      ASSERT_EQ(first, model[at].front());
      model[at].pop_front();
    }
  }
  EXPECT_GT(queues.on_disk(), 0U);
}

TEST(host_queues, what_is_too_large_is_in_no_queue) {
  const fanout_test::temporary_directory directory;
  host_queues queues(1'000, 20'000, directory.path());
  host_record host;
  EXPECT_THROW(queues.push(host, 1, std::string((8U << 20) + 1, 'x')), std::length_error);
  EXPECT_FALSE(host_queues::any(host));
}

}  // namespace
