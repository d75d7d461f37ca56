// A node, in the process of the test: what an engine may send, and what it must not.

#include <fanout/process/nodes.hpp>
#include <fanout/process/remote.hpp>

#include "process/node/node_message.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace served_nodes {

using namespace fanout;
using namespace fanout::detail;
using testing::ElementsAre;
using testing::HasSubstr;

int plus_one(int x) {
  return x + 1;
}

/// An engine that sends what was written down, waits for the messages it was told to wait for, and ends.
class scripted_engine final : public node_channel {
 public:
  void add(std::string message) {
    steps_.emplace_back([message] { return message; });
  }
  /// Goes on when the node has sent a message of that type.
  void wait_for(node_message type) {
    steps_.emplace_back([this, type]() -> std::optional<std::string> {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return std::count(types_.begin(), types_.end(), type) > 0; });
      return std::nullopt;
    });
  }
  std::optional<std::string> receive() override {
    while (!steps_.empty()) {
      const auto step = std::move(steps_.front());
      steps_.pop_front();
      if (auto message = step()) return message;
    }
    return std::nullopt;
  }
  void send(std::string message) override {
    const std::lock_guard lock(mutex_);
    std::string_view body = message;
    const node_header header = take_header(body);
    types_.push_back(header.type);
    runs_.push_back(header.run);
    if (header.type == node_message::refused) reason = decode_refused(body);
    changed_.notify_all();
  }
  std::vector<node_message> types() const {
    const std::lock_guard lock(mutex_);
    return types_;
  }
  const std::vector<std::uint64_t>& runs() const { return runs_; }
  std::string reason;

 private:
  std::deque<std::function<std::optional<std::string>()>> steps_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<node_message> types_;
  std::vector<std::uint64_t> runs_;
};

node_header header(std::uint64_t run) {
  node_header of;
  of.run = run;
  of.function = function_digest(remote<plus_one>.name(), remote<plus_one>.context());
  return of;
}
std::string open_run(std::uint64_t run) {
  return encode_open(
      header(run),
      {.function = std::string(remote<plus_one>.name()), .context = remote<plus_one>.context(), .shape = "sync"});
}
std::string inputs(std::uint64_t run, std::uint64_t function = header(0).function) {
  encoded_values all;
  for (int i = 0; i < 3; ++i) {
    remote<plus_one>.encode(i, all.open());
    EXPECT_TRUE(all.close());
  }
  node_header of = header(run);
  of.function = function;
  return encode_inputs(of, 0, all, 0, 3);
}

class serving_a_node : public test::leak_checked {};

TEST_F(serving_a_node, a_run_is_opened_fed_and_finished) {
  scripted_engine engine;
  engine.add(open_run(1));
  engine.add(inputs(1));
  engine.wait_for(node_message::outcomes);
  engine.add(encode_bare(header(1), node_message::finish));
  engine.wait_for(node_message::done);
  serve_node(engine);
  EXPECT_EQ(engine.types().front(), node_message::ready);
  EXPECT_EQ(engine.types().back(), node_message::done);
}

TEST_F(serving_a_node, several_runs_are_under_way_together) {
  scripted_engine engine;
  engine.add(open_run(1));
  engine.add(open_run(2));
  engine.add(encode_bare(header(2), node_message::finish));
  engine.wait_for(node_message::done);
  engine.add(encode_bare(header(1), node_message::cancel));
  serve_node(engine);  // the end of the engine ends what is left
  EXPECT_EQ(engine.runs().front(), 1U);
  EXPECT_EQ(std::count(engine.runs().begin(), engine.runs().end(), 2U), 2) << "ready and done";
}

TEST_F(serving_a_node, the_end_of_the_engine_ends_its_runs) {
  scripted_engine engine;
  engine.add(open_run(1));
  engine.add(inputs(1));
  serve_node(engine);
}

std::string refusal(const std::vector<std::string>& messages) {
  scripted_engine engine;
  for (const std::string& each : messages) engine.add(each);
  engine.wait_for(node_message::refused);
  serve_node(engine);
  return engine.reason;
}

TEST_F(serving_a_node, what_cannot_be_is_refused_and_the_node_goes_on) {
  EXPECT_THAT(refusal({open_run(1), open_run(1)}), HasSubstr("begun twice"));
  EXPECT_THAT(refusal({open_run(1), inputs(1, 4)}), HasSubstr("for another function"));
  EXPECT_THAT(refusal({open_run(1), encode_ready(header(1), {})}), HasSubstr("what only nodes send"));
  EXPECT_THAT(refusal({open_run(1) + "x"}), HasSubstr("left over"));
  node_header other = header(1);
  other.build.front() ^= 1;
  EXPECT_THAT(refusal({encode_open(other, {})}), HasSubstr("another build"));
  std::string later = open_run(1);
  later[4] = 9;
  EXPECT_THAT(refusal({later}), HasSubstr("of version 9"));
  EXPECT_THAT(refusal({encode_open(header(1), {.function = "no such function", .shape = "sync"})}),
              HasSubstr("no such function"));
}

TEST_F(serving_a_node, a_message_of_a_run_that_was_refused_is_passed_over) {
  scripted_engine engine;
  engine.add(inputs(3));
  engine.add(encode_bare(header(3), node_message::finish));
  serve_node(engine);
  EXPECT_TRUE(engine.types().empty());
}

TEST_F(serving_a_node, bytes_that_no_engine_sends_are_an_error) {
  scripted_engine engine;
  engine.add("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THROW(serve_node(engine), error);
}

TEST_F(serving_a_node, a_message_that_is_cut_anywhere_harms_nobody) {
  const std::string whole = open_run(1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    scripted_engine engine;
    engine.add(whole.substr(0, size));
    try {
      serve_node(engine);
      EXPECT_THAT(engine.types(), ElementsAre(node_message::refused)) << "cut after " << size;
    } catch (const error& why) {
      EXPECT_EQ(why.kind(), failure_kind::protocol);
    }
  }
}

}  // namespace served_nodes
