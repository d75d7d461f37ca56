// The source of a run in a node: batches of inputs as they come.

#include "process/node/batch_feed.hpp"
#include "support/leaks.hpp"
#include "support/readable.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace batch_feeds {

using namespace fanout;
using namespace fanout::detail;
using test::readable;

class feeds : public test::leak_checked {};

/// Adds inputs of one byte each.
void add(batch_feed& feed, std::uint64_t first_index, const std::string& bytes) {
  auto message = std::make_shared<const std::string>(bytes);
  const encoded_view inputs(static_cast<std::uint32_t>(bytes.size()), 1, nullptr, *message);
  feed.add(std::move(message), first_index, inputs);
}

TEST_F(feeds, give_inputs_one_by_one_with_their_indices) {
  batch_feed feed;
  add(feed, 10, "ab");
  add(feed, 40, "c");
  feed.finish();
  std::vector<std::pair<std::uint64_t, std::string>> got;
  while (const auto input = feed.next()) got.emplace_back(input->index, std::string(*input));
  EXPECT_EQ(got, (std::vector<std::pair<std::uint64_t, std::string>>{{10, "a"}, {11, "b"}, {40, "c"}}));
  EXPECT_EQ(feed.next(), std::nullopt) << "and stays at its end";
}

TEST_F(feeds, are_readable_while_there_is_an_input_and_at_the_end) {
  batch_feed feed;
  EXPECT_FALSE(feed.ready());
  EXPECT_FALSE(readable(feed.handle()));
  add(feed, 0, "ab");
  EXPECT_TRUE(feed.ready());
  EXPECT_TRUE(readable(feed.handle()));
  feed.next();
  EXPECT_TRUE(readable(feed.handle())) << "there is another one";
  feed.next();
  EXPECT_FALSE(feed.ready());
  EXPECT_FALSE(readable(feed.handle()));
  feed.finish();
  EXPECT_TRUE(feed.ready());
  EXPECT_TRUE(readable(feed.handle()));
  EXPECT_EQ(feed.next(), std::nullopt);
  EXPECT_TRUE(readable(feed.handle()));
}

TEST_F(feeds, an_input_keeps_its_message) {
  batch_feed feed;
  auto message = std::make_shared<const std::string>("xy");
  const std::weak_ptr<const std::string> alive = message;
  feed.add(message, 0, encoded_view(2, 1, nullptr, *message));
  message.reset();
  auto first = feed.next();
  auto second = feed.next();
  EXPECT_FALSE(alive.expired());
  EXPECT_EQ(second->bytes, "y");
  first.reset();
  second.reset();
  EXPECT_TRUE(alive.expired());
}

TEST_F(feeds, after_the_end_nothing_is_added) {
  batch_feed feed;
  feed.finish();
  feed.finish();
  add(feed, 0, "a");
  EXPECT_EQ(feed.next(), std::nullopt);
}

TEST_F(feeds, who_has_not_asked_waits_for_the_next_input) {
  batch_feed feed;
  std::atomic<int> taken = 0;
  {
    std::vector<std::jthread> lanes;
    for (int i = 0; i < 3; ++i)
      lanes.emplace_back([&] {
        while (feed.next()) ++taken;
      });
    for (std::uint64_t i = 0; i < 1'000; ++i) add(feed, i * 2, "ab");
    feed.finish();
  }
  EXPECT_EQ(taken, 2'000);
}

}  // namespace batch_feeds
