// A link to a node over two byte streams.

#include <fanout/process/nodes.hpp>

#include "process/node/message_pipe.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace pipe_links {

using namespace fanout;
using detail::message_pipe;
using detail::owned_descriptor;

class links_over_pipes : public test::leak_checked {
 protected:
  static std::array<owned_descriptor, 2> make_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    return {owned_descriptor(ends[0]), owned_descriptor(ends[1])};
  }
  void connect() {
    auto [from_node, node_out] = make_pipe();
    auto [node_in, to_node] = make_pipe();
    link_ = node_over(std::move(from_node), std::move(to_node));
    node_ = std::make_unique<message_pipe>(std::move(node_in), std::move(node_out));
  }
  void TearDown() override {
    link_.reset();
    node_.reset();
    leak_checked::TearDown();
  }

  std::unique_ptr<node_link> link_;
  std::unique_ptr<message_pipe> node_;
};

class received final : public node_receiver {
 public:
  void on_message(std::string message) override {
    const std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
  }
  void on_end(std::string why) override { end_.set_value(std::move(why)); }
  /// Waits for the end; why it came.
  std::string end() { return end_.get_future().get(); }
  std::vector<std::string> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> messages_;
  std::promise<std::string> end_;
};

TEST_F(links_over_pipes, carry_messages_both_ways_in_order) {
  connect();
  received got;
  link_->start(got);
  link_->send("one");
  link_->send(std::string(1 << 20, 'x'));
  link_->end();
  EXPECT_EQ(node_->receive(), "one");
  EXPECT_EQ(node_->receive(), std::string(1 << 20, 'x'));
  EXPECT_EQ(node_->receive(), std::nullopt) << "nothing more will be sent";
  node_->send("answer");
  node_->send("");
  node_->end();
  EXPECT_EQ(got.end(), "it closed its end");
  EXPECT_EQ(got.messages(), (std::vector<std::string>{"answer", ""}));
}

TEST_F(links_over_pipes, bytes_that_are_no_messages_end_it_with_the_reason) {
  auto [from_node, node_out] = make_pipe();
  auto [node_in, to_node] = make_pipe();
  link_ = node_over(std::move(from_node), std::move(to_node));
  received got;
  link_->start(got);
  const std::string garbage(16, '\xff');
  ASSERT_EQ(write(node_out.value(), garbage.data(), garbage.size()), std::ssize(garbage));
  EXPECT_NE(got.end(), "it closed its end");
  EXPECT_TRUE(got.messages().empty());
}

TEST_F(links_over_pipes, a_stream_that_ends_within_a_message_is_said_so) {
  auto [from_node, node_out] = make_pipe();
  auto [node_in, to_node] = make_pipe();
  link_ = node_over(std::move(from_node), std::move(to_node));
  received got;
  link_->start(got);
  const std::string half("\x09\0\0\0\0\0\0\0abc", 11);
  ASSERT_EQ(write(node_out.value(), half.data(), half.size()), std::ssize(half));
  node_out.reset();
  EXPECT_NE(got.end(), "it closed its end");
  EXPECT_TRUE(got.messages().empty());
}

TEST_F(links_over_pipes, after_abandon_the_receiver_is_not_called) {
  connect();
  {
    received got;
    link_->start(got);
    link_->abandon();
    EXPECT_EQ(got.messages().size(), 0U);
  }
  node_->send("late");
  link_->send("to nobody");
  link_->abandon();
}

TEST_F(links_over_pipes, one_that_was_never_started_can_be_destroyed) {
  connect();
}

}  // namespace pipe_links
