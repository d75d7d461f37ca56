#include <fanout/fetch/output.hpp>

#include "fetch/schedule/spilled_queues.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using fanout::fetch::output_error;
using fanout::fetch::spilled_queues;

TEST(spilled_queues, give_what_was_put_in_in_order) {
  const fanout_test::temporary_directory directory;
  std::mt19937_64 random(11);
  spilled_queues queues(directory.path(), 100'000);
  std::vector<std::pair<std::uint32_t, std::deque<std::pair<std::uint64_t, std::string>>>> model;
  for (int i = 0; i < 30; ++i)
    model.emplace_back(queues.add_queue(), std::deque<std::pair<std::uint64_t, std::string>>{});
  std::uint64_t index = 0;
  std::uint64_t got = 0;
  std::string payload;
  for (int step = 0; step < 60'000; ++step) {
    auto& [queue, items] = model[random() % model.size()];
    ASSERT_EQ(queues.empty(queue), items.empty());
    const auto choice = random() % 100;
    if (choice < (step < 40'000 ? 70 : 20)) {
      const std::size_t size = random() % 500 == 0 ? random() % 60'000 : random() % 120;
      items.emplace_back(index += random() % 1'000'000, std::string(size, static_cast<char>('a' + random() % 26)));
      queues.push(queue, items.back().first, items.back().second);
    } else if (queues.pop(queue, got, payload)) {
      ASSERT_EQ(got, items.front().first);
      ASSERT_EQ(payload, items.front().second);
      if (choice == 99)
        queues.push_front(queue, got, payload);
      else
        items.pop_front();
    } else if (choice == 98) {
      queues.remove_queue(queue);
      queue = queues.add_queue();
    }
    // The ends and a page for each queue, as strings hold them.
    ASSERT_LT(queues.memory(), 2U * 100'000 + 30U * 2 * 70'000);
  }
  for (auto& [queue, items] : model) {
    for (; queues.pop(queue, got, payload); items.pop_front()) ASSERT_EQ(payload, items.front().second);
    EXPECT_TRUE(items.empty());
  }
  EXPECT_EQ(queues.on_disk(), 0U);
}

TEST(spilled_queues, an_item_that_cannot_be_written_is_in_no_queue) {
  const fanout_test::temporary_directory directory;
  spilled_queues queues(directory.path() + "/gone", 1'000'000);
  const auto queue = queues.add_queue();
  queues.push(queue, 1, "first");
  EXPECT_THROW(queues.push(queue, 2, std::string(20'000, 'x')), output_error);
  queues.push(queue, 3, "third");
  std::uint64_t index = 0;
  std::string payload;
  ASSERT_TRUE(queues.pop(queue, index, payload));
  EXPECT_EQ(payload, "first");
  ASSERT_TRUE(queues.pop(queue, index, payload));
  EXPECT_EQ(payload, "third");
  EXPECT_FALSE(queues.pop(queue, index, payload));
  EXPECT_THROW(queues.push(queue, 4, std::string(spilled_queues::largest + 1, 'x')), std::length_error);
}

TEST(spilled_queues, a_full_disk_is_an_error_that_names_the_directory) {
  const fanout_test::temporary_directory directory;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{64 * 1024, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  spilled_queues queues(directory.path(), 1'000'000);
  const auto queue = queues.add_queue();
  std::uint64_t pushed = 0;
  std::string message;
  try {
    for (; pushed < 10'000; ++pushed) queues.push(queue, pushed, std::string(100, 'u'));
  } catch (const output_error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write to a temporary file in " + directory.path()), std::string::npos) << message;
  std::uint64_t index = 0;
  std::string payload;
  for (std::uint64_t expected = 0; expected < pushed; ++expected) {
    ASSERT_TRUE(queues.pop(queue, index, payload));
    ASSERT_EQ(index, expected);
  }
  EXPECT_FALSE(queues.pop(queue, index, payload));
}

}  // namespace
