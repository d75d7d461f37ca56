// A run whose tasks nodes carry, where a node is a function of the test: what it may send, and what it must not.

#include <fanout/fanout.hpp>
#include <fanout/process/nodes.hpp>

#include "process/false_node.hpp"
#include "process/node/node_message.hpp"
#include "support/leaks.hpp"
#include "support/node_process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace node_runs {

using namespace fanout;
using namespace std::chrono_literals;
using test::false_node;
using testing::HasSubstr;

int plus_one(int x) {
  return x + 1;
}

options collecting(options how) {
  how.on_error = on_error::collect;
  return how;
}

class runs_of_nodes : public test::leak_checked {};

std::string what_a_run_throws(false_node::behaviour behave) {
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>(std::move(behave)));
  nodes all({.shape = fanout::sync()}, std::move(links));
  try {
    map(collecting(all.with()), remote<plus_one>, std::vector{1, 2, 3});
  } catch (const error& why) {
    return why.what();
  }
  return "nothing";
}

detail::node_header header_of(std::string_view message) {
  return detail::take_header(message);
}

TEST_F(runs_of_nodes, another_build_is_refused_from_either_side) {
  // The engine's side: the node's messages are of another build.
  EXPECT_THAT(what_a_run_throws([](const std::string& message, const false_node::reply& answer) {
                auto header = header_of(message);
                header.build.front() ^= 1;
                answer(detail::encode_ready(header, {}));
              }),
              HasSubstr("another build of the program"));
  // The node's: it is asked by another build.
  test::node_process node;
  const auto link = node.link();
  class answers final : public node_receiver {
   public:
    void on_message(std::string message) override { got.push_back(std::move(message)); }
    void on_end(std::string) override { ended.set_value(); }
    std::vector<std::string> got;
    std::promise<void> ended;  // what the node sent last may come after its process has ended
  } heard;
  link->start(heard);
  detail::node_header header;
  header.build.front() ^= 1;
  header.run = 7;
  link->send(detail::encode_open(header, {.function = std::string(remote<plus_one>.name()), .shape = "sync"}));
  link->end();
  EXPECT_EQ(node.wait(), 0);
  EXPECT_EQ(heard.ended.get_future().wait_for(std::chrono::seconds(30)), std::future_status::ready);
  link->abandon();
  ASSERT_EQ(heard.got.size(), 1u);
  std::string_view body = heard.got.front();
  const auto said = detail::take_header(body);
  EXPECT_EQ(said.type, detail::node_message::refused);
  EXPECT_EQ(said.run, 7u);
  EXPECT_THAT(detail::decode_refused(body), HasSubstr("another build of the program"));
}

TEST_F(runs_of_nodes, another_version_is_refused) {
  EXPECT_THAT(what_a_run_throws([](const std::string& message, const false_node::reply& answer) {
                std::string later = detail::encode_ready(header_of(message), {});
                later[4] = 9;
                answer(std::move(later));
              }),
              HasSubstr("of version 9"));
}

TEST_F(runs_of_nodes, one_that_refuses_does_no_harm_to_the_other) {
  test::node_process real;
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>([](const std::string& message, const false_node::reply& answer) {
    answer(detail::encode_refused(header_of(message), "it is full"));
  }));
  links.push_back(real.link());
  nodes all({.shape = fanout::sync()}, std::move(links));
  EXPECT_EQ(map(all.with(), remote<plus_one>, std::vector{1, 2, 3}), (std::vector{2, 3, 4}));
  EXPECT_EQ(all.alive(), 2u);
}

TEST_F(runs_of_nodes, one_that_lies_about_outcomes_is_lost) {
  for (const bool twice : {false, true})
    EXPECT_THAT(what_a_run_throws([&](const std::string& message, const false_node::reply& answer) {
                  std::string_view body = message;
                  const auto header = detail::take_header(body);
                  if (header.type == detail::node_message::open) answer(detail::encode_ready(header, {.tasks = 2}));
                  if (header.type != detail::node_message::inputs) return;
                  detail::outcomes_writer outcomes(header);
                  const std::uint64_t index = detail::decode_inputs(body).first_index + (twice ? 0 : 1'000);
                  const int value = static_cast<int>(index) + 2;
                  const std::string_view bytes(reinterpret_cast<const char*>(&value), sizeof value);
                  outcomes.add({.index = index, .started_ago = 1ms, .result = bytes});
                  if (twice) outcomes.add({.index = index, .started_ago = 1ms, .result = bytes});
                  answer(outcomes.take());
                }),
                HasSubstr("that it was not at"));
}

// Noise of every length up to some, and each message of a node cut anywhere: the run ends, with the reason.
TEST_F(runs_of_nodes, garbage_ends_the_run_and_nothing_else) {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const auto said = what_a_run_throws([&](const std::string& message, const false_node::reply& answer) {
      std::string bytes = detail::encode_ready(header_of(message), {});
      if (round % 2 == 0) {
        bytes.resize(random() % bytes.size());
      } else {
        bytes.resize(static_cast<std::size_t>(round));
        std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
      }
      answer(std::move(bytes));
    });
    EXPECT_THAT(said, HasSubstr("no node is left"));
  }
}

/// Answers as a node does that runs plus_one, each batch at once; `change` may spoil an outcome.
false_node::behaviour honest_node(std::uint32_t places, std::function<void(detail::node_outcome&)> change = {}) {
  return [places, change](const std::string& message, const false_node::reply& answer) {
    std::string_view body = message;
    const auto header = detail::take_header(body);
    if (header.type == detail::node_message::open)
      answer(detail::encode_ready(header, {.tasks = places, .lanes = places}));
    if (header.type == detail::node_message::finish || header.type == detail::node_message::cancel)
      answer(detail::encode_done(header, {}));
    if (header.type != detail::node_message::inputs) return;
    const auto batch = detail::decode_inputs(body);
    detail::outcomes_writer outcomes(header);
    for (std::uint32_t i = 0; i < batch.inputs.count(); ++i) {
      int value = 0;
      std::memcpy(&value, batch.inputs[i].data(), sizeof value);
      ++value;
      detail::node_outcome one{.index = batch.first_index + i,
                               .started_ago = 1ms,
                               .result = std::string_view(reinterpret_cast<const char*>(&value), sizeof value)};
      if (change) change(one);
      outcomes.add(one);
    }
    answer(outcomes.take());
  };
}

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST_F(runs_of_nodes, one_that_answers_gets_all_tasks_and_the_report_has_its_lanes) {
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>(honest_node(3)));
  nodes all({.shape = fanout::sync()}, std::move(links));
  std::vector<int> results;
  run(all.with(), remote<plus_one>, numbers(1'000), [&](const outcome<int>& out) {
    results.push_back(out.value());
    EXPECT_LT(out.lane, 3U);
    EXPECT_EQ(out.elapsed(), 0ns);
  });
  std::sort(results.begin(), results.end());
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], i + 1);
}

TEST_F(runs_of_nodes, any_number_may_join_at_any_time_and_one_that_refuses_does_no_harm) {
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>(honest_node(2)));
  nodes all({.shape = fanout::sync()}, std::move(links));
  std::atomic<std::uint32_t> next_places = 1;
  std::jthread adding([&](const std::stop_token& over) {
    while (!over.stop_requested() && next_places < 40) {
      all.add(std::make_unique<false_node>(honest_node(++next_places)));
      all.add(std::make_unique<false_node>([](const std::string& message, const false_node::reply& answer) {
        answer(detail::encode_refused(header_of(message), "it is full"));
      }));
    }
  });
  std::vector<int> results = map(all.with(), remote<plus_one>, numbers(20'000));
  adding.request_stop();
  adding.join();
  for (int i = 0; i < 20'000; ++i) ASSERT_EQ(results[static_cast<std::size_t>(i)], i + 1);
  EXPECT_EQ(all.alive(), 2 * next_places - 1);
  EXPECT_EQ(map(all.with(), remote<plus_one>, std::vector{1, 2, 3}), (std::vector{2, 3, 4}));
}

// It is given what was not sent yet, and its lanes follow those of the first.
TEST_F(runs_of_nodes, one_that_joins_is_given_what_is_left) {
  std::atomic<int> given_to_later = 0;
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>(honest_node(1)));
  nodes all({.shape = fanout::sync()}, std::move(links));
  std::uint32_t most_lane = 0;
  int outcomes = 0;
  int pulled = 0;
  const auto inputs = [&]() -> std::optional<int> {
    return given_to_later > 0 || pulled == 1'000'000 ? std::nullopt : std::optional<int>(pulled++);
  };
  run(all.with(), remote<plus_one>, inputs, [&](const outcome<int>& out) {
    EXPECT_EQ(out.value(), static_cast<int>(out.index) + 1);
    most_lane = std::max(most_lane, out.lane);
    if (++outcomes == 1)
      all.add(std::make_unique<false_node>(honest_node(3, [&](detail::node_outcome&) { ++given_to_later; })));
  });
  EXPECT_EQ(outcomes, pulled);
  EXPECT_GT(given_to_later, 0);
  EXPECT_LE(most_lane, 3U);
}

TEST_F(runs_of_nodes, one_that_is_silent_in_the_middle_is_given_up_and_its_tasks_have_outcomes) {
  for (const bool ready : {false, true}) {
    std::vector<std::unique_ptr<node_link>> links;
    links.push_back(std::make_unique<false_node>([&](const std::string& message, const false_node::reply& answer) {
      const auto header = header_of(message);
      if (ready && header.type == detail::node_message::open) answer(detail::encode_ready(header, {}));
    }));
    nodes all({.shape = fanout::sync(), .silence_timeout = 20ms}, std::move(links));
    std::vector<std::string> failures;
    try {
      run(collecting(all.with()), remote<plus_one>, numbers(5),
          [&](const outcome<int>& out) { failures.push_back(out.error().message); });
    } catch (const error& why) {
      EXPECT_THAT(why.what(), HasSubstr("has sent nothing for 0.02 s"));
    }
    EXPECT_EQ(failures.empty(), !ready);
    for (const std::string& each : failures) EXPECT_THAT(each, HasSubstr("has sent nothing for 0.02 s"));
    EXPECT_EQ(all.alive(), 0U);
  }
}

void pass(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) continue;
}

TEST_F(runs_of_nodes, messages_without_outcomes_keep_one_and_a_slow_sink_is_not_its_silence) {
  std::atomic<bool> taken = false;
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>([&](const std::string& message, const false_node::reply& answer) {
    honest_node(1)(message, answer);
    if (header_of(message).type != detail::node_message::inputs) return;
    while (!taken) {
      answer(detail::outcomes_writer(header_of(message)).take());
      pass(10ms);
    }
  }));
  nodes all({.shape = fanout::sync(), .silence_timeout = 200ms}, std::move(links));
  run(all.with(), remote<plus_one>, std::vector{1}, [&](const outcome<int>& out) {
    EXPECT_TRUE(out.ok());
    pass(300ms);
    taken = true;
  });
  EXPECT_TRUE(taken);
  EXPECT_EQ(all.alive(), 1U);
}

TEST_F(runs_of_nodes, one_that_names_a_lane_it_does_not_have_is_lost) {
  EXPECT_THAT(what_a_run_throws(honest_node(2, [](detail::node_outcome& one) { one.lane = 2; })),
              HasSubstr("a lane that it does not have"));
}

TEST_F(runs_of_nodes, times_that_cannot_be_harm_nobody) {
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<false_node>(honest_node(2, [](detail::node_outcome& one) {
    one.started_ago = one.elapsed = std::chrono::nanoseconds::max();
    one.cpu = std::chrono::nanoseconds::max();
  })));
  nodes all({.shape = fanout::sync()}, std::move(links));
  EXPECT_EQ(map(all.with(), remote<plus_one>, std::vector{1, 2, 3}), (std::vector{2, 3, 4}));
}

TEST_F(runs_of_nodes, one_that_offers_more_places_than_a_shape_can_have_is_lost) {
  EXPECT_THAT(what_a_run_throws(honest_node(~std::uint32_t{0})), HasSubstr("places"));
}

TEST_F(runs_of_nodes, a_node_that_is_ready_twice_or_sends_what_engines_send_is_lost) {
  EXPECT_THAT(what_a_run_throws([](const std::string& message, const false_node::reply& answer) {
                answer(detail::encode_ready(header_of(message), {}));
                answer(detail::encode_ready(header_of(message), {}));
              }),
              HasSubstr("ready twice"));
  EXPECT_THAT(what_a_run_throws([](const std::string& message, const false_node::reply& answer) {
                answer(detail::encode_bare(header_of(message), detail::node_message::cancel));
              }),
              HasSubstr("what only engines send"));
}

}  // namespace node_runs
