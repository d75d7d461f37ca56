// What can be a source, and how lanes wait for one.

#include <fanout/core/map.hpp>

#include "support/leaks.hpp"
#include "support/pipe_source.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <list>
#include <map>
#include <memory>
#include <ranges>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using test::line_pipe;
using test::pipe_source;

int doubled(int x) {
  return 2 * x;
}

class source : public test::leak_checked {};

TEST_F(source, an_lvalue_container_keeps_its_elements) {
  const std::vector<std::string> inputs{"one that is too long to be stored in place", "two"};
  auto copy = inputs;
  const auto sizes = map(threads(2), [](std::string text) { return text.size(); }, copy);
  EXPECT_THAT(sizes, testing::ElementsAre(inputs[0].size(), inputs[1].size()));
  EXPECT_EQ(copy, inputs);
}

TEST_F(source, an_rvalue_container_gives_its_elements_away) {
  std::vector<std::unique_ptr<int>> inputs;
  for (int i = 0; i < 5; ++i) inputs.push_back(std::make_unique<int>(i));
  const auto values = map(threads(2), [](std::unique_ptr<int> each) { return *each; }, std::move(inputs));
  EXPECT_THAT(values, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(source, other_containers_and_arrays) {
  EXPECT_THAT(map(fanout::sync(), doubled, std::list{1, 2}), testing::ElementsAre(2, 4));
  const int plain[] = {3, 4};
  EXPECT_THAT(map(fanout::sync(), doubled, plain), testing::ElementsAre(6, 8));
  const std::map<int, std::string> pairs{{1, "a"}, {2, "bc"}};
  EXPECT_THAT(
      map(
          fanout::sync(), [](const std::pair<const int, std::string>& each) { return each.second.size(); }, pairs),
      testing::ElementsAre(1u, 2u));
  EXPECT_THAT(map(
                  fanout::sync(), [](bool each) { return !each; }, std::vector{true, false}),
              testing::ElementsAre(false, true));
}

TEST_F(source, a_view_is_evaluated_lazily_and_once_for_each_element) {
  int evaluated = 0;
  auto view = std::views::iota(0) | std::views::transform([&](int x) {
                ++evaluated;
                return std::make_unique<int>(x);
              }) |
              std::views::take(4);
  const auto values = map(fanout::sync(), [](std::unique_ptr<int> each) { return *each; }, view);
  EXPECT_THAT(values, testing::ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(evaluated, 4);
}

TEST_F(source, a_view_of_somebody_elses_elements_leaves_them_alone) {
  std::vector<std::string> inputs{"a long line that would be taken if it were moved", "b"};
  map(fanout::sync(), [](std::string text) { return text; }, std::views::all(inputs));
  map(fanout::sync(), [](std::string text) { return text; }, std::views::reverse(inputs));
  EXPECT_EQ(inputs[0], "a long line that would be taken if it were moved");
}

TEST_F(source, a_single_pass_range) {
  std::istringstream text("1 2 3");
  EXPECT_THAT(map(threads(2), doubled, std::ranges::istream_view<int>(text)), testing::ElementsAre(2, 4, 6));
}

TEST_F(source, a_generator_is_not_asked_again_after_its_end) {
  int asked = 0;
  const auto generator = [&]() -> std::optional<int> { return ++asked < 4 ? std::optional(asked) : std::nullopt; };
  EXPECT_THAT(map(threads(3), doubled, generator), testing::ElementsAre(2, 4, 6));
  EXPECT_EQ(asked, 4);
}

struct countdown {
  int left;
  std::optional<int> next() { return left > 0 ? std::optional(left--) : std::nullopt; }
};

TEST_F(source, a_pull_source_by_reference_and_by_value) {
  countdown own{3};
  EXPECT_THAT(map(async(2), test::echo, own), testing::ElementsAre(3, 2, 1));
  EXPECT_EQ(own.left, 0);
  EXPECT_THAT(map(async(2), test::echo, countdown{2}), testing::ElementsAre(2, 1));
}

struct in_place_countdown {
  int left;
  std::optional<int> next() { throw std::logic_error("this moves the value"); }
  bool next_into(std::optional<int>& place) {
    if (left == 0) return false;  // whatever is in its place
    place = left--;
    return true;
  }
};

TEST_F(source, a_source_that_puts_values_in_place_is_asked_to) {
  in_place_countdown own{3};
  EXPECT_THAT(map(async(2), test::echo, own), testing::ElementsAre(3, 2, 1));
  EXPECT_THAT(map(threads(2), doubled, in_place_countdown{2}), testing::ElementsAre(4, 2));
  EXPECT_THAT(map(fanout::sync(), doubled, in_place_countdown{0}), testing::IsEmpty());
}

// Sources to wait for ------------------------------------------------------------------------------------------------

TEST_F(source, blocking_lanes_wait_for_a_line_each) {
  line_pipe pipe;
  pipe.write(1);
  int last = 0;
  run(threads(3), doubled, pipe_source(pipe), [&](const outcome<int>& out) {
    last = out.value();
    if (last < 2 * 200)
      pipe.write(last / 2 + 1);  // only now, when every lane waits
    else
      pipe.end();
  });
  EXPECT_EQ(last, 400);
  EXPECT_FALSE(pipe.nonblocking()) << "the mode of the descriptor is not ours to change";
}

TEST_F(source, loops_wait_for_a_line_each) {
  for (const auto& shape : {async(1), async(3), hybrid(3), grid(1, 3, 2)}) {
    line_pipe pipe;
    pipe.write(1);
    int last = 0;
    run(shape, test::echo, pipe_source(pipe), [&](const outcome<int>& out) {
      last = out.value();
      if (last < 200)
        pipe.write(last + 1);
      else
        pipe.end();
    });
    EXPECT_EQ(last, 200) << to_string(shape);
    EXPECT_FALSE(pipe.nonblocking());
  }
}

// One read takes several lines, so the descriptor no longer tells the other lanes that there is something for them.
TEST_F(source, lines_that_come_together_go_to_all_blocking_lanes) {
  constexpr int lanes = 4;
  line_pipe pipe;
  std::barrier<> together(lanes);
  int seen = 0;
  for (int i = 0; i < lanes; ++i) pipe.write(i);
  run(
      threads(lanes),
      [&](int x) {
        together.arrive_and_wait();  // only passed when all lanes have a line at the same time
        return x;
      },
      pipe_source(pipe),
      [&](outcome<int>) {
        if (++seen % lanes != 0) return;
        if (seen == lanes * 500) return pipe.end();
        pipe.write_together(lanes);
      });
  EXPECT_EQ(seen, lanes * 500);
}

/// Ends when as many are under way as were to come together.
struct meeting {
  std::atomic<int> here{0};
  std::atomic<int> rounds{0};
};

task<int> meet(meeting& all, int of, int x) {
  const int round = all.rounds;
  if (++all.here == of) {
    all.here = 0;
    ++all.rounds;
  }
  while (all.rounds == round) {
    task<void> turn = test::yield();
    co_await std::move(turn);
  }
  co_return x;
}

TEST_F(source, lines_that_come_together_go_to_all_places_of_all_loops) {
  for (const auto& shape : {async(6), hybrid(6), grid(1, 3, 2)}) {
    line_pipe pipe;
    meeting all;
    int seen = 0;
    pipe.write_together(6);
    run(
        shape, [&](int x) { return meet(all, 6, x); }, pipe_source(pipe),
        [&](outcome<int>) {
          if (++seen % 6 != 0) return;
          if (seen == 6 * 30) return pipe.end();
          pipe.write_together(6);
        });
    EXPECT_EQ(seen, 6 * 30) << to_string(shape);
  }
}

// If every idle place waited for the descriptor, each line would wake all of them to ask the source.
TEST_F(source, a_line_wakes_one_of_many_idle_places) {
  constexpr int places = 300;
  line_pipe pipe;
  pipe_source lines(pipe);
  meeting all;
  int seen = 0;
  pipe.write_together(places);  // they meet, so that every place is opened
  run(
      async(places), [&](int x) { return x < places ? meet(all, places, x) : test::echo(x); }, lines,
      [&](outcome<int>) {
        if (++seen < places) return;
        if (seen == 3 * places) return pipe.end();
        pipe.write(seen);
      });
  EXPECT_EQ(seen, 3 * places);
  EXPECT_LT(lines.asked(), 20 * places);
}

TEST_F(source, a_drain_wakes_lanes_that_wait) {
  for (const auto& shape : {async(3), hybrid(3), grid(1, 3, 3)}) {
    line_pipe pipe;
    pipe_source lines(pipe);
    std::stop_source drain;
    options how(shape);
    how.drain = drain.get_token();
    const std::jthread drainer([&] {
      lines.wait_until_asked(static_cast<int>(shape.threads));
      drain.request_stop();
    });
    EXPECT_TRUE(run(how, test::echo, lines, [](outcome<int>) { FAIL(); }).stopped);
  }
}

TEST_F(source, a_drain_wakes_blocking_lanes_that_wait) {
  line_pipe pipe;
  pipe_source lines(pipe);
  std::stop_source drain;
  options how(threads(3));
  how.drain = drain.get_token();
  const std::jthread drainer([&] {
    lines.wait_until_asked(3);
    drain.request_stop();
  });
  EXPECT_TRUE(run(how, doubled, lines, [](outcome<int>) { FAIL(); }).stopped);
}

TEST_F(source, a_stop_wakes_lanes_that_wait) {
  for (const auto& shape : {async(3), hybrid(3), automatic()}) {
    line_pipe pipe;
    pipe_source lines(pipe);
    std::stop_source stop;
    options how(shape);
    how.stop = stop.get_token();
    const std::jthread stopper([&] {
      lines.wait_until_asked(1);
      stop.request_stop();
    });
    EXPECT_TRUE(run(how, test::echo, lines, [](outcome<int>) { FAIL(); }).stopped);
  }
}

TEST_F(source, very_many_places_are_opened_one_after_the_other) {
  constexpr int places = 100'000;  // nested, they would not fit on the stack
  EXPECT_EQ(map(async(places), test::after_a_while, std::views::iota(0, places)).size(), std::size_t{places});
}

TEST_F(source, tasks_go_on_while_the_source_is_waited_for) {
  line_pipe pipe;
  pipe.write(1);
  int last = 0;
  // The only task can end only if its loop runs while the other place waits for a second line.
  run(async(2), test::after_a_while, pipe_source(pipe), [&](const outcome<int>& out) {
    last = out.value();
    pipe.end();
  });
  EXPECT_EQ(last, 1);
}

TEST_F(source, an_exception_while_lanes_wait_ends_the_run) {
  for (const auto& shape : {threads(3), async(3), hybrid(4)}) {
    line_pipe pipe;
    pipe.write(1);
    pipe.write_text("what\n");
    EXPECT_THROW(run(shape, test::echo, pipe_source(pipe), [](outcome<int>) {}), std::invalid_argument);
  }
}

TEST_F(source, a_descriptor_that_cannot_be_waited_for_is_an_error) {
  struct closed {
    std::optional<int> next() { return 1; }
    bool ready() { return false; }
    int handle() { return -1; }
  };
  EXPECT_THROW(run(async(2), test::echo, closed(), [](outcome<int>) {}), std::system_error);
}

}  // namespace
