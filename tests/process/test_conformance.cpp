// One suite for every shape: what holds for a run must hold wherever its tasks are.

#include <fanout/core/detail/usage.hpp>
#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/places.hpp"
#include "support/sanitized.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <numeric>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace conformance {

using namespace fanout;
using namespace std::chrono_literals;

/// As many inputs as show that memory does not grow with them: an allocation takes at least 32 bytes, so one that
/// stayed for each would be twice what may be lost to chance (16 MiB). Under a sanitizer, which does not measure
/// memory, as many as fill every window many times over.
constexpr int many = test::sanitized ? 20'000 : 250'000;

struct no_cheese : std::runtime_error {
  using std::runtime_error::runtime_error;
};

task<void> pause_for(std::chrono::milliseconds duration) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, duration);
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
}

task<int> square(int x) {
  const auto executor = co_await asio::this_coro::executor;
  auto turn = asio::post(executor, asio::use_awaitable);
  co_await std::move(turn);
  co_return x* x;
}

int square_blocking(int x) {
  return x * x;
}

/// Later inputs finish earlier.
task<int> reversed(int x) {
  task<void> pause = pause_for(std::chrono::milliseconds(3 * (8 - x % 8)));
  co_await std::move(pause);
  co_return x;
}

/// 3 fails; every other input lasts until it is cancelled.
task<int> third_fails(int x) {
  if (x == 3) throw no_cheese("no cheese for 3");
  if (x > 3) {
    task<void> pause = pause_for(1h);
    co_await std::move(pause);
  }
  co_return x;
}

task<int> odd_fails(int x) {
  if (x % 2 == 1) throw no_cheese("no cheese for " + std::to_string(x));
  co_return x;
}

task<int> forever(int x) {
  task<void> pause = pause_for(1h);
  co_await std::move(pause);
  co_return x;
}

/// Even inputs end at once, odd ones never.
task<int> odd_never_ends(int x) {
  if (x % 2 == 1) {
    task<void> pause = pause_for(1h);
    co_await std::move(pause);
  }
  co_return x;
}

task<int> identity(int x) {
  co_return x;
}

task<std::string> shout(const std::string& text) {
  task<void> pause = pause_for(1ms);
  co_await std::move(pause);
  co_return text + "!";  // a reference parameter must still be alive here
}

task<void> nothing(int) {
  co_return;
}

/// A shape in this process and its workers, or "N nodes of " a shape.
class every_shape : public test::leak_checked, public testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    test::leak_checked::SetUp();
    const auto of = GetParam().find(of_);
    shape_ = parse_shape(GetParam().substr(of == std::string::npos ? 0 : of + of_.size()));
    if (of == std::string::npos) return;
    node_count_ = static_cast<std::uint32_t>(std::stoul(GetParam()));
    nodes_ = test::nodes_to_test(node_count_, node_options{.shape = shape_});
  }
  void TearDown() override {
    if (nodes_) {
      EXPECT_EQ(nodes_->machines().alive(), node_count_) << "a node was lost";
      EXPECT_EQ(nodes_->end(), 0) << "a node did not end well";
    }
    test::leak_checked::TearDown();
  }

  const fanout::shape& shape() const { return shape_; }
  bool in_other_processes() const { return nodes_ || shape_.uses_workers(); }
  /// For a run there.
  options there() const { return nodes_ ? nodes_->machines().with() : options(shape_); }
  options collecting() const {
    options how = there();
    how.on_error = on_error::collect;
    return how;
  }
  /// Some shapes hold one task a lane; tests that need several under way at once skip nothing, but need this many.
  std::uint32_t capacity() const { return std::max(1U, shape_.tasks) * std::max(1U, node_count_); }

 private:
  static inline const std::string of_ = " nodes of ";
  fanout::shape shape_;
  std::uint32_t node_count_ = 0;
  std::unique_ptr<test::tested_nodes> nodes_;
};

INSTANTIATE_TEST_SUITE_P(shapes, every_shape, testing::ValuesIn(test::places_to_test()), [](const auto& shape) {
  std::string name = shape.param;
  std::replace_if(name.begin(), name.end(), [](char each) { return each == ':' || each == ' '; }, '_');
  return name;
});

TEST_P(every_shape, map_keeps_the_order_of_the_inputs) {
  std::vector<int> inputs(40);
  std::iota(inputs.begin(), inputs.end(), 0);
  EXPECT_EQ(map(there(), remote<reversed>, inputs), inputs);
}

TEST_P(every_shape, every_input_has_exactly_one_outcome) {
  std::vector<int> seen(1000, 0);
  const report cost = run(there(), remote<square>, std::views::iota(0, 1000), [&](outcome<int> out) {
    ASSERT_TRUE(out.ok());
    EXPECT_EQ(out.value(), static_cast<int>(out.index * out.index));
    EXPECT_LE(out.started, out.finished);
    ++seen.at(out.index);
  });
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_EQ(cost.tasks, 1000u);
  EXPECT_EQ(cost.failures, 0u);
  EXPECT_FALSE(cost.stopped);
  EXPECT_GT(cost.wall.count(), 0);
}

TEST_P(every_shape, a_blocking_task_runs_where_one_task_holds_a_lane) {
  if (shape().in_flight > 1) {
    EXPECT_THROW(map(there(), remote<square_blocking>, std::vector{1}), std::invalid_argument);
    return;
  }
  EXPECT_EQ(map(there(), remote<square_blocking>, std::vector{1, 2, 3, 4, 5, 6, 7}),
            (std::vector{1, 4, 9, 16, 25, 36, 49}));
}

TEST_P(every_shape, empty_input) {
  EXPECT_TRUE(map(there(), remote<square>, std::vector<int>()).empty());
  const report cost = run(there(), remote<square>, std::vector<int>(), [](outcome<int>) { FAIL(); });
  EXPECT_EQ(cost.tasks, 0u);
}

TEST_P(every_shape, one_input) {
  EXPECT_EQ(map(there(), remote<square>, std::vector{7}), std::vector{49});
}

TEST_P(every_shape, strings_and_reference_parameters) {
  EXPECT_EQ(map(there(), remote<shout>, std::vector<std::string>{"a", std::string(100'000, 'x'), ""}),
            (std::vector<std::string>{"a!", std::string(100'000, 'x') + "!", "!"}));
}

TEST_P(every_shape, a_task_without_a_result) {
  int outcomes = 0;
  run(there(), remote<nothing>, std::views::iota(0, 10), [&](outcome<void> out) {
    EXPECT_TRUE(out.ok());
    ++outcomes;
  });
  EXPECT_EQ(outcomes, 10);
  map(there(), remote<nothing>, std::vector{1, 2, 3});
}

TEST_P(every_shape, fail_fast_stops_and_awaits_the_rest) {
  int own_failure = 0;
  int cancelled = 0;
  const report cost = run(there(), remote<third_fails>, std::views::iota(0), [&](outcome<int> out) {
    if (out.ok()) return;
    if (out.error().kind == failure_kind::task_failed) {
      ++own_failure;
      EXPECT_EQ(out.index, 3u);
      EXPECT_EQ(out.error().message, "no cheese for 3");
      EXPECT_EQ(out.error().type, "conformance::no_cheese");
    } else {
      EXPECT_EQ(out.error().kind, failure_kind::cancelled) << out.error().message;
      ++cancelled;
    }
  });
  EXPECT_EQ(own_failure, 1);
  EXPECT_TRUE(cost.stopped);
  EXPECT_EQ(cost.failures, static_cast<std::uint64_t>(1 + cancelled));
  if (!in_other_processes()) {  // there, short tasks wait at the workers, and are cancelled too
    EXPECT_LE(cost.tasks, 4u + std::max(capacity(), 64U));
  }
}

TEST_P(every_shape, map_throws_the_failure_that_ended_the_run) {
  try {
    map(there(), remote<third_fails>, std::views::iota(0));
    FAIL() << "nothing was thrown";
  } catch (const no_cheese& thrown) {  // the very exception, in process
    EXPECT_FALSE(in_other_processes());
    EXPECT_STREQ(thrown.what(), "no cheese for 3");
  } catch (const error& thrown) {  // its type and message, across processes
    EXPECT_TRUE(in_other_processes());
    EXPECT_EQ(thrown.kind(), failure_kind::task_failed);
    EXPECT_STREQ(thrown.what(), "no cheese for 3");
    EXPECT_EQ(thrown.failure().type, "conformance::no_cheese");
  }
}

TEST_P(every_shape, collect_keeps_all_outcomes) {
  const auto outcomes = map_outcomes(collecting(), remote<odd_fails>, std::views::iota(0, 50));
  ASSERT_EQ(outcomes.size(), 50u);
  for (const auto& out : outcomes) {
    EXPECT_EQ(out.ok(), out.index % 2 == 0);
    if (!out.ok()) {
      EXPECT_EQ(out.error().message, "no cheese for " + std::to_string(out.index));
    }
  }
  try {
    map(collecting(), remote<odd_fails>, std::views::iota(0, 50));
    FAIL() << "nothing was thrown";
  } catch (const std::exception& thrown) {
    EXPECT_STREQ(thrown.what(), "no cheese for 1") << "the lowest index counts";
  }
}

TEST_P(every_shape, a_stop_cancels_what_is_under_way) {
  std::stop_source stop;
  options how = collecting();
  how.stop = stop.get_token();
  int pulled = 0;
  int outcomes = 0;
  const auto inputs = [&]() -> std::optional<int> {
    // The last place is taken by an input that comes together with the stop.
    if (++pulled == static_cast<int>(capacity())) stop.request_stop();
    return pulled;
  };
  const report cost = run(how, remote<forever>, inputs, [&](outcome<int> out) {
    ++outcomes;
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().kind, failure_kind::cancelled);
  });
  EXPECT_EQ(outcomes, pulled);
  EXPECT_TRUE(cost.stopped);
}

TEST_P(every_shape, a_run_that_was_stopped_before_it_began_starts_nothing) {
  std::stop_source stop;
  stop.request_stop();
  options how = there();
  how.stop = stop.get_token();
  const report cost = run(how, remote<forever>, std::views::iota(0), [](outcome<int>) { FAIL(); });
  EXPECT_EQ(cost.tasks, 0u);
  EXPECT_TRUE(cost.stopped);
  EXPECT_THROW(map(how, remote<square>, std::vector{1}), error);
}

TEST_P(every_shape, a_drain_lets_what_is_under_way_finish) {
  std::stop_source drain;
  options how = collecting();
  how.drain = drain.get_token();
  int outcomes = 0;
  const report cost = run(how, remote<reversed>, std::views::iota(0), [&](outcome<int> out) {
    EXPECT_TRUE(out.ok());
    if (++outcomes == 5) drain.request_stop();
  });
  EXPECT_EQ(cost.failures, 0u);
  EXPECT_GE(outcomes, 5);
  EXPECT_TRUE(cost.stopped);
}

TEST_P(every_shape, a_task_over_its_limit_is_a_timeout) {
  options how = collecting();
  how.task_timeout = 100ms;
  const auto outcomes = map_outcomes(how, remote<odd_never_ends>, std::views::iota(0, 6));
  ASSERT_EQ(outcomes.size(), 6u);
  for (const auto& out : outcomes) {
    ASSERT_EQ(out.ok(), out.index % 2 == 0) << out.index;
    if (out.ok()) continue;
    EXPECT_EQ(out.error().kind, failure_kind::timeout);
    EXPECT_THAT(out.error().message, testing::HasSubstr("100 ms"));
    EXPECT_GE(out.elapsed(), 100ms);
  }
}

TEST_P(every_shape, a_task_within_its_limit_is_none) {
  options how = collecting();
  for (const auto limit : {std::chrono::nanoseconds(1h), std::chrono::nanoseconds::max()}) {
    how.task_timeout = limit;
    for (const auto& out : map_outcomes(how, remote<reversed>, std::views::iota(0, 20))) EXPECT_TRUE(out.ok());
  }
}

// An outcome that was kept would be some 64 bytes, an input 8.
TEST_P(every_shape, many_lazy_inputs_in_bounded_memory) {
  run(there(), remote<identity>, std::views::iota(0, many / 100), [](outcome<int>) {});  // warm: allocator, stacks
  const auto before = detail::peak_rss_bytes();
  std::int64_t sum = 0;
  const report cost =
      run(there(), remote<identity>, std::views::iota(0, many), [&](outcome<int> out) { sum += out.value(); });
  EXPECT_EQ(sum, std::int64_t{many} * (many - 1) / 2);
  EXPECT_EQ(cost.tasks, static_cast<std::uint64_t>(many));
  if (!test::sanitized) {  // a sanitizer keeps what was freed
    EXPECT_LT(detail::peak_rss_bytes() - before, 6U << 20) << "memory grew with the input";
  }
}

TEST_P(every_shape, a_slow_sink_slows_the_source) {
  std::atomic<int> pulled{0};
  int delivered = 0;
  int most_ahead = 0;
  const auto inputs = [&]() -> std::optional<int> {
    return pulled < 300 ? std::optional<int>(++pulled) : std::nullopt;
  };
  run(there(), remote<reversed>, inputs, [&](outcome<int>) {
    ++delivered;
    most_ahead = std::max(most_ahead, pulled - delivered);
    std::this_thread::yield();
  });
  EXPECT_EQ(delivered, 300);
  // One task for each place, the outcomes that wait for the sink, and what short tasks have waiting at a worker.
  EXPECT_LE(most_ahead, static_cast<int>(4 * std::max(capacity(), 64U)));
}

TEST_P(every_shape, an_exception_of_the_source_ends_the_run) {
  int pulled = 0;
  int outcomes = 0;
  const auto inputs = [&]() -> std::optional<int> {
    if (++pulled == 5) throw no_cheese("the list is torn");
    return pulled;
  };
  EXPECT_THROW(run(collecting(), remote<square>, inputs, [&](outcome<int>) { ++outcomes; }), no_cheese);
  EXPECT_EQ(pulled, 5);
  EXPECT_LE(outcomes, 4);
}

TEST_P(every_shape, an_exception_of_the_sink_ends_the_run) {
  int outcomes = 0;
  const auto sink = [&](outcome<int>) {
    if (++outcomes == 3) throw no_cheese("the disk is full");
  };
  EXPECT_THROW(run(collecting(), remote<square>, std::views::iota(0), sink), no_cheese);
  EXPECT_EQ(outcomes, 3) << "the sink was called after it had thrown";
}

TEST_P(every_shape, the_sink_may_see_the_input) {
  std::vector<std::string> inputs;
  for (int i = 0; i < 100; ++i) inputs.push_back("a line long enough not to be stored in place: " + std::to_string(i));
  int seen = 0;
  run(there(), remote<shout>, inputs, [&](outcome<std::string> out, const std::string& input) {
    EXPECT_EQ(input, inputs.at(out.index));
    EXPECT_EQ(out.value(), input + "!");
    ++seen;
  });
  EXPECT_EQ(seen, 100);
}

TEST_P(every_shape, progress_reaches_the_end) {
  options how = there();
  progress last;
  how.on_progress = [&](const progress& now) {
    EXPECT_GE(now.finished, last.finished);
    last = now;
  };
  map(how, remote<square>, std::views::iota(0, 200));
  EXPECT_EQ(last.finished, 200u);
}

TEST_P(every_shape, the_timeline_has_every_task) {
  options how = there();
  how.timeline = true;
  const report cost = run(how, remote<square>, std::views::iota(0, 100), [](outcome<int>) {});
  std::set<std::uint64_t> indices;
  for (const task_span& span : cost.timeline) {
    indices.insert(span.index);
    EXPECT_LE(span.started, span.finished);
    EXPECT_LT(span.lane, std::max(cost.threads, cost.shape.processes * cost.shape.threads));
  }
  EXPECT_EQ(indices.size(), 100u);
}

TEST_P(every_shape, runs_may_be_side_by_side) {
  std::vector<std::jthread> callers;
  std::atomic<int> right{0};
  for (int caller = 0; caller < 3; ++caller)
    callers.emplace_back([&] {
      const auto results = map(there(), remote<square>, std::vector{1, 2, 3});
      if (results == std::vector{1, 4, 9}) ++right;
    });
  callers.clear();
  EXPECT_EQ(right, 3);
}

}  // namespace conformance
