// The engine's end of one node: who hears of what comes, and when the node is lost.

#include "process/node/node_peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace node_peers {

using namespace fanout;
using namespace fanout::detail;
using testing::ElementsAre;
using testing::HasSubstr;

/// What was done with a link, and its receiver.
struct link_log {
  std::vector<std::string> calls;
  node_receiver* receiver = nullptr;
};

class noted_link final : public node_link {
 public:
  explicit noted_link(link_log& log) : log_(log) {}
  ~noted_link() override { log_.calls.emplace_back("destroyed"); }
  void start(node_receiver& to) override { log_.receiver = &to; }
  void send(std::string message) override { log_.calls.push_back("sent " + message); }
  void end() override { log_.calls.emplace_back("end"); }
  void abandon() noexcept override { log_.calls.emplace_back("abandon"); }

 private:
  link_log& log_;
};

class noted_listener final : public node_peer::listener {
 public:
  void on_node_event(node_event event) override { events.push_back(std::move(event)); }
  std::vector<node_event> events;
};

std::string message_for(std::uint64_t run, node_message type = node_message::finish) {
  node_header header;
  header.run = run;
  return encode_bare(header, type);
}

class peers : public ::testing::Test {
 protected:
  link_log log_;
  node_peer peer_{std::make_unique<noted_link>(log_), 7};
  noted_listener first_;
  noted_listener second_;
};

TEST_F(peers, a_message_goes_to_its_run_alone) {
  EXPECT_TRUE(peer_.attach(1, first_));
  EXPECT_TRUE(peer_.attach(2, second_));
  log_.receiver->on_message(message_for(2));
  log_.receiver->on_message(message_for(99));
  EXPECT_TRUE(first_.events.empty());
  ASSERT_EQ(second_.events.size(), 1U);
  const node_event& event = second_.events[0];
  EXPECT_EQ(event.node, 7U);
  EXPECT_FALSE(event.lost);
  EXPECT_EQ(event.header.run, 2U);
  EXPECT_EQ(event.body(), "");
  peer_.detach(2);
  log_.receiver->on_message(message_for(2));
  EXPECT_EQ(second_.events.size(), 1U) << "it does not listen any more";
}

TEST_F(peers, the_body_of_a_message_is_what_follows_its_header) {
  peer_.attach(3, first_);
  node_header header;
  header.run = 3;
  log_.receiver->on_message(encode_refused(header, "it is full"));
  ASSERT_EQ(first_.events.size(), 1U);
  EXPECT_EQ(first_.events[0].body(), "it is full");
}

TEST_F(peers, the_end_of_the_link_is_told_to_each_run_once) {
  peer_.attach(1, first_);
  peer_.attach(2, second_);
  log_.receiver->on_end("the cable was cut");
  log_.receiver->on_end("again");
  for (const noted_listener* each : {&first_, &second_}) {
    ASSERT_EQ(each->events.size(), 1U);
    EXPECT_TRUE(each->events[0].lost);
    EXPECT_EQ(each->events[0].text, "the cable was cut");
  }
  EXPECT_TRUE(peer_.lost());
  EXPECT_EQ(peer_.reason(), "the cable was cut");
  noted_listener late;
  EXPECT_FALSE(peer_.attach(3, late));
  log_.receiver->on_message(message_for(1));
  EXPECT_EQ(first_.events.size(), 1U) << "a lost node stays lost";
}

TEST_F(peers, bytes_that_are_no_message_lose_the_node) {
  peer_.attach(1, first_);
  log_.receiver->on_message("garbage");
  ASSERT_EQ(first_.events.size(), 1U);
  EXPECT_TRUE(first_.events[0].lost);
  EXPECT_THAT(peer_.reason(), HasSubstr("no message between engine and node"));
}

TEST_F(peers, another_build_loses_the_node_unless_it_says_that_it_refuses) {
  peer_.attach(1, first_);
  node_header other;
  other.run = 1;
  other.build.front() ^= 1;
  log_.receiver->on_message(encode_refused(other, "I am another build"));
  ASSERT_EQ(first_.events.size(), 1U);
  EXPECT_FALSE(first_.events[0].lost);
  log_.receiver->on_message(encode_ready(other, {}));
  ASSERT_EQ(first_.events.size(), 2U);
  EXPECT_TRUE(first_.events[1].lost);
  EXPECT_THAT(first_.events[1].text, HasSubstr("another build"));
}

TEST_F(peers, one_that_is_given_up_is_lost_and_its_link_abandoned) {
  peer_.attach(1, first_);
  peer_.send("hello");
  peer_.lose("too slow");
  EXPECT_TRUE(peer_.lost());
  EXPECT_EQ(first_.events.at(0).text, "too slow");
  EXPECT_THAT(log_.calls, ElementsAre("sent hello", "abandon"));
}

TEST(peer, its_end_ends_the_nodes_input_and_gives_it_up) {
  link_log log;
  {
    const node_peer peer(std::make_unique<noted_link>(log), 0);
  }
  EXPECT_THAT(log.calls, ElementsAre("end", "abandon", "destroyed"));
}

}  // namespace node_peers
