// Runs on nodes in other processes: what only they can do wrong. What holds for every shape is in test_conformance.cpp.

#include <fanout/fanout.hpp>
#include <fanout/process/nodes.hpp>

#include "process/node/node_message.hpp"
#include "support/leaks.hpp"
#include "support/node_process.hpp"
#include "support/sanitized.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace nodes_tests {

using namespace fanout;
using namespace std::chrono_literals;
using testing::HasSubstr;

int plus_one(int x) {
  return x + 1;
}

/// Some short, some long enough that a node holds several at the same time.
int plus_one_slowly(int x) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(x % 7 * 100);
  while (std::chrono::steady_clock::now() < until) {
  }
  return x + 1;
}

task<int> plus_one_later(int x) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::microseconds(x % 7 * 300));
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
  co_return x + 1;
}

task<int> never_ends(int x) {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  auto wait = timer.async_wait(asio::use_awaitable);
  co_await std::move(wait);
  co_return x;
}

int die_at_13(int x) {
  if (x == 13) raise(SIGKILL);
  return x;
}

int which_process(int) {
  const auto until = std::chrono::steady_clock::now() + 2ms;
  while (std::chrono::steady_clock::now() < until) {
  }
  return getpid();
}

std::string shout(const std::string& prefix, const std::string& text) {
  return prefix + text + "!";
}

/// Books outcomes of inputs from 0 on.
class ledger {
 public:
  explicit ledger(int count) : seen_(static_cast<std::size_t>(count)) {}
  void book(const outcome<int>& out) {
    ++seen_.at(out.index);
    if (out.ok()) {
      EXPECT_EQ(out.value(), static_cast<int>(out.index) + 1);
    } else {
      ++lost_;
      EXPECT_TRUE(out.error().kind == failure_kind::worker_died || out.error().kind == failure_kind::cannot_start)
          << out.error().message;
    }
  }
  int booked() const { return static_cast<int>(std::count(seen_.begin(), seen_.end(), 1)); }
  int lost() const { return lost_; }
  void check_all() const { EXPECT_THAT(seen_, testing::Each(1)); }
  /// Those that were pulled, which are the first.
  void check_first(int pulled) const {
    for (int i = 0; i < static_cast<int>(seen_.size()); ++i)
      ASSERT_EQ(seen_[static_cast<std::size_t>(i)], i < pulled ? 1 : 0) << i;
  }

 private:
  std::vector<int> seen_;
  int lost_ = 0;
};

options collecting(options how) {
  how.on_error = on_error::collect;
  return how;
}

class on_nodes : public test::leak_checked {};

TEST_F(on_nodes, both_take_part_and_the_report_says_so) {
  test::node_processes all(2, {.shape = threads(2)});
  const auto seen = map(all.machines().with(), remote<which_process>, std::views::iota(0, 40));
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 2u);
  EXPECT_FALSE(std::set<int>(seen.begin(), seen.end()).contains(getpid()));
  const report cost = run(all.machines().with(), remote<which_process>, std::views::iota(0, 40), [](outcome<int>) {});
  EXPECT_EQ(cost.processes, 2u);
  EXPECT_EQ(cost.threads, 4u);
  EXPECT_GT(cost.ipc_bytes, 0u);
  EXPECT_GT(cost.cpu().count(), 0);
  EXPECT_EQ(all.end(), 0);
}

TEST_F(on_nodes, a_context_travels) {
  test::node_processes all(1, {.shape = fanout::sync()});
  const auto loud = remote<shout>.with(std::string("hey, "));
  EXPECT_EQ(map(all.machines().with(), loud, std::vector<std::string>{"you", ""}),
            (std::vector<std::string>{"hey, you!", "hey, !"}));
}

TEST_F(on_nodes, large_values_travel) {
  test::node_processes all(2, {.shape = fanout::sync()});
  const std::string large(20 << 20, 'x');
  const auto loud = remote<shout>.with(std::string());
  const auto got = map(all.machines().with(), loud, std::vector<std::string>{large, "", large, large});
  EXPECT_EQ(got.at(0).size(), large.size() + 1);
  EXPECT_EQ(got.at(1), "!");
  EXPECT_EQ(got.at(3).size(), large.size() + 1);
}

TEST_F(on_nodes, a_closure_cannot_go_there) {
  test::node_processes all(1, {.shape = fanout::sync()});
  EXPECT_THROW(map(all.machines().with(), [](int x) { return x; }, std::vector{1}), std::invalid_argument);
}

TEST_F(on_nodes, what_cannot_be_is_refused) {
  EXPECT_THROW(nodes({}, {}), std::invalid_argument);
  EXPECT_THROW(nodes({}, std::vector<std::unique_ptr<node_link>>(1)), std::invalid_argument);
  EXPECT_THROW(test::node_processes(1, {.shape = automatic()}), std::invalid_argument);
  test::node_processes all(1, {.shape = fanout::sync()});
  EXPECT_THROW(all.machines().add(nullptr), std::invalid_argument);
}

// Blame stays with the workers: one task of a node of processes dies, and nothing else.
TEST_F(on_nodes, a_worker_that_dies_in_a_node_fails_its_own_task) {
  test::node_processes all(2, {.shape = processes(2)});
  const auto got = map_outcomes(collecting(all.machines().with()), remote<die_at_13>, std::views::iota(0, 50));
  ASSERT_EQ(got.size(), 50u);
  for (const auto& out : got) {
    ASSERT_EQ(out.ok(), out.index != 13) << out.index;
    if (out.ok()) continue;
    EXPECT_EQ(out.error().kind, failure_kind::worker_died);
    EXPECT_EQ(out.error().signal, SIGKILL);
  }
  EXPECT_EQ(all.machines().alive(), 2u);
}

// The node that is killed is one of two: each input has one outcome, and the run goes on.
TEST_F(on_nodes, one_that_is_killed_at_any_moment_loses_no_outcome) {
  std::mt19937 random(20'261'129);
  const int count = 1200;
  const int rounds = test::sanitized ? 6 : 25;
  for (int round = 0; round < rounds; ++round) {
    const shape under = std::vector{fanout::sync(), threads(3), async(4), processes(2), grid(2, 1, 3)}[round % 5];
    test::node_processes all(2, {.shape = under});
    ledger book(count);
    const int when = static_cast<int>(random() % count);
    const auto sink = [&](const outcome<int>& out) {
      book.book(out);
      if (book.booked() == when) all.process(round % 2).signal(SIGKILL);
    };
    if (under.in_flight > 1)
      run(collecting(all.machines().with()), remote<plus_one_later>, std::views::iota(0, count), sink);
    else
      run(collecting(all.machines().with()), remote<plus_one_slowly>, std::views::iota(0, count), sink);
    book.check_all();
    EXPECT_LT(book.lost(), count - when) << "the other did not go on";
    EXPECT_EQ(map(all.machines().with(), remote<plus_one_later>, std::vector{1}), std::vector{2});
    EXPECT_EQ(all.machines().alive(), 1u);
    EXPECT_EQ(all.end(), 1);
  }
}

// With an allowance the other node does the work again.
TEST_F(on_nodes, the_tasks_of_a_lost_one_go_to_another_where_they_may) {
  std::mt19937 random(5);
  const int count = 1200;
  const int rounds = test::sanitized ? 4 : 12;
  for (int round = 0; round < rounds; ++round) {
    test::node_processes all(2, {.shape = threads(2), .retries = 1});
    ledger book(count);
    const int when = static_cast<int>(random() % count);
    run(collecting(all.machines().with()), remote<plus_one_slowly>, std::views::iota(0, count),
        [&](const outcome<int>& out) {
          book.book(out);
          if (book.booked() == when) all.process(0).signal(SIGKILL);
        });
    book.check_all();
    EXPECT_EQ(book.lost(), 0);
  }
}

// The only node: what was pulled has one outcome each, and the run says why it cannot go on, if it cannot.
TEST_F(on_nodes, the_last_one_that_is_killed_ends_the_run) {
  std::mt19937 random(6);
  const int count = 1000;
  const int rounds = test::sanitized ? 5 : 20;
  for (int round = 0; round < rounds; ++round) {
    test::node_processes all(1, {.shape = round % 2 == 0 ? threads(2) : processes(2), .retries = 1});
    ledger book(count);
    const int when = static_cast<int>(random() % count);
    int pulled = 0;
    const auto inputs = [&]() -> std::optional<int> {
      return pulled < count ? std::optional<int>(pulled++) : std::nullopt;
    };
    try {
      run(collecting(all.machines().with()), remote<plus_one_slowly>, inputs, [&](const outcome<int>& out) {
        book.book(out);
        if (book.booked() == when) all.process(0).signal(SIGKILL);
      });
      EXPECT_EQ(pulled, count);
    } catch (const error& why) {
      EXPECT_EQ(why.kind(), failure_kind::cannot_start);
      EXPECT_THAT(why.what(), HasSubstr("node 0"));
    }
    book.check_first(pulled);
  }
}

// A stop that a node does not follow, as it stands still.
TEST_F(on_nodes, one_that_does_not_end_its_part_is_given_up) {
  test::node_processes all(1, {.shape = fanout::sync(), .end_timeout = 300ms});
  std::stop_source stop;
  options how = collecting(all.machines().with());
  how.stop = stop.get_token();
  int cancelled = 0;
  run(how, remote<plus_one_slowly>, std::views::iota(0), [&](const outcome<int>& out) {
    if (out.index == 50) {
      all.process(0).signal(SIGSTOP);
      stop.request_stop();
    }
    if (out.ok()) return;
    EXPECT_EQ(out.error().kind, failure_kind::cancelled);
    ++cancelled;
  });
  EXPECT_GT(cancelled, 0);
  EXPECT_EQ(all.machines().alive(), 0u);
  all.process(0).signal(SIGKILL);
}

/// Calls `sent` after each batch of inputs, with how many they are.
class watched_link final : public node_link {
 public:
  watched_link(std::unique_ptr<node_link> link, std::function<void(std::uint32_t)> sent)
      : link_(std::move(link)), sent_(std::move(sent)) {}
  void start(node_receiver& to) override { link_->start(to); }
  void send(std::string message) override {
    std::string_view body = message;
    const bool inputs = detail::take_header(body).type == detail::node_message::inputs;
    const std::uint32_t count = inputs ? detail::decode_inputs(body).inputs.count() : 0;
    link_->send(std::move(message));
    if (inputs) sent_(count);
  }
  void end() override { link_->end(); }
  void abandon() noexcept override { link_->abandon(); }

 private:
  const std::unique_ptr<node_link> link_;
  const std::function<void(std::uint32_t)> sent_;
};

TEST_F(on_nodes, one_that_is_killed_at_each_batch_loses_no_outcome) {
  const int count = 600;
  for (int at = 1; at < (test::sanitized ? 6 : 16); ++at) {
    test::node_process steady;
    test::node_process doomed;
    int batches = 0;
    std::vector<std::unique_ptr<node_link>> links;
    links.push_back(steady.link());
    links.push_back(std::make_unique<watched_link>(doomed.link(), [&](std::uint32_t) {
      if (++batches == at) doomed.signal(SIGKILL);
    }));
    nodes all({.shape = threads(2)}, std::move(links));
    ledger book(count);
    run(collecting(all.with()), remote<plus_one_slowly>, std::views::iota(0, count),
        [&](const outcome<int>& out) { book.book(out); });
    book.check_all();
    if (batches < at) {  // on a busy machine the other node takes most of them: it was not killed
      EXPECT_GT(at, 5);
      break;
    }
    EXPECT_GT(book.lost(), 0);
  }
}

TEST_F(on_nodes, a_lost_one_is_named_in_the_failures_of_its_tasks) {
  test::node_process doomed;
  std::vector<std::unique_ptr<node_link>> links;
  links.push_back(std::make_unique<watched_link>(doomed.link(), [&](std::uint32_t) { doomed.signal(SIGKILL); }));
  nodes all({.shape = async(4)}, std::move(links));
  const auto got = map_outcomes(collecting(all.with()), remote<never_ends>, std::vector{1, 2, 3});
  ASSERT_EQ(got.size(), 3u);
  for (const auto& out : got) {
    ASSERT_FALSE(out.ok());
    EXPECT_EQ(out.error().kind, failure_kind::worker_died);
    EXPECT_THAT(out.error().message, HasSubstr("node 0 was lost with this task, which may have been begun there"));
    EXPECT_EQ(out.error().attempts, 1);
  }
}

// Tiny tasks travel together, and the last ones in small batches, so that no node stands idle beside a long queue.
TEST_F(on_nodes, the_last_batches_are_small) {
  std::array<test::node_process, 2> processes;
  std::vector<std::uint32_t> sizes;
  std::vector<std::unique_ptr<node_link>> links;
  for (auto& each : processes)
    links.push_back(std::make_unique<watched_link>(each.link(), [&](std::uint32_t count) { sizes.push_back(count); }));
  nodes all({.shape = threads(2)}, std::move(links));
  ledger book(100'000);
  run(collecting(all.with()), remote<plus_one>, std::views::iota(0, 100'000),
      [&](const outcome<int>& out) { book.book(out); });
  book.check_all();
  EXPECT_EQ(book.lost(), 0);
  ASSERT_FALSE(sizes.empty());
  EXPECT_GE(*std::max_element(sizes.begin(), sizes.end()), 256u);
  EXPECT_LE(sizes.back(), 4u);
  EXPECT_EQ(sizes.front(), 2u) << "one for each place, as nothing is known of them";
}

/// Numbers from 0 on until `enough`, and no more than so many.
auto numbers_until(const bool& enough, int& pulled) {
  return [&enough, &pulled]() -> std::optional<int> {
    return enough || pulled == 200'000 ? std::nullopt : std::optional<int>(pulled++);
  };
}

TEST_F(on_nodes, one_that_comes_later_takes_part_in_the_run_under_way) {
  test::node_processes all(1, {.shape = threads(2)});
  test::node_process later;
  std::set<int> seen;
  bool enough = false;
  int pulled = 0;
  int outcomes = 0;
  const report cost =
      run(all.machines().with(), remote<which_process>, numbers_until(enough, pulled), [&](const outcome<int>& out) {
        if (++outcomes == 10) all.machines().add(later.link());
        seen.insert(out.value());
        enough = seen.size() == 2;
      });
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_EQ(outcomes, pulled);
  EXPECT_EQ(cost.processes, 2u);
  EXPECT_EQ(cost.threads, 4u);
  EXPECT_EQ(all.machines().alive(), 2u);
  const auto next = map(all.machines().with(), remote<which_process>, std::views::iota(0, 40));
  EXPECT_EQ(std::set<int>(next.begin(), next.end()), seen) << "and in the next";
  EXPECT_EQ(all.end(), 0);
  EXPECT_EQ(later.wait(), 0);
}

// The first is killed once the second works: the run goes on with it alone, and every input has its outcome.
TEST_F(on_nodes, one_that_comes_later_goes_on_where_the_first_is_lost) {
  test::node_processes all(1, {.shape = threads(2), .retries = 1});
  test::node_process later;
  int first = 0;
  bool enough = false;
  int pulled = 0;
  int outcomes = 0;
  int after = 0;  // the first was killed
  run(all.machines().with(), remote<which_process>, numbers_until(enough, pulled), [&](const outcome<int>& out) {
    if (++outcomes == 1) {
      first = out.value();
      all.machines().add(later.link());
    }
    if (out.value() == first) return;
    if (after++ == 0) all.process(0).signal(SIGKILL);
    enough = after >= 50;
  });
  EXPECT_EQ(outcomes, pulled);
  EXPECT_GE(after, 50);
  EXPECT_EQ(all.machines().alive(), 1u);
  EXPECT_THAT(all.end(), 1);
  EXPECT_EQ(later.wait(), 0);
}

}  // namespace nodes_tests
