// One run's part in a node, without the node: batches in, messages out.

#include <fanout/process/remote.hpp>

#include "process/node/node_job.hpp"
#include "support/leaks.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace node_jobs {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) throw std::domain_error("unlucky");
  return x + 1;
}

task<int> never_ends(int x) {
  task<void> rest = test::pause(std::chrono::milliseconds(3'600'000));
  co_await std::move(rest);
  co_return x;
}

std::string much(int x) {
  return std::string(400'000, static_cast<char>('a' + x % 26));
}

class jobs_of_a_node : public test::leak_checked {
 protected:
  template <class Function>
  std::unique_ptr<node_job> make(const Function& function, node_terms terms = {}) {
    terms.function = std::string(function.name());
    terms.context = function.context();
    if (terms.shape.empty()) terms.shape = "sync";
    node_header header;
    header.run = 5;
    header.function = function_digest(terms.function, terms.context);
    return std::make_unique<node_job>(header, terms, [this](std::string message) {
      const std::lock_guard lock(mutex_);
      sent_.push_back(std::move(message));
      changed_.notify_all();
    });
  }
  /// Inputs from `first` on, with these indices.
  static void add(node_job& job, int first, int count) {
    encoded_values all;
    for (int i = first; i < first + count; ++i) {
      remote<plus_one>.encode(i, all.open());
      EXPECT_TRUE(all.close());
    }
    auto message =
        std::make_shared<const std::string>(encode_inputs({}, static_cast<std::uint64_t>(first), all, 0, all.count()));
    std::string_view body = *message;
    take_header(body);
    const node_inputs inputs = decode_inputs(body);
    job.add(std::move(message), inputs);
  }
  /// Waits for the last message.
  node_message last() {
    std::unique_lock lock(mutex_);
    node_message type{};
    changed_.wait(lock, [&] {
      if (sent_.empty()) return false;
      std::string_view body = sent_.back();
      type = take_header(body).type;
      return type == node_message::done || type == node_message::refused;
    });
    return type;
  }
  /// The outcomes of all messages, by their indices. Values are copied.
  std::vector<std::pair<std::uint64_t, std::string>> outcomes() {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::uint64_t, std::string>> all;
    for (const std::string& each : sent_) {
      std::string_view body = each;
      const node_header header = take_header(body);
      EXPECT_EQ(header.run, 5U);
      if (header.type != node_message::outcomes) continue;
      ++outcome_messages_;
      outcomes_reader reader(body);
      for (node_outcome one; reader.next(one);)
        all.emplace_back(one.index, std::holds_alternative<failure>(one.result)
                                        ? std::get<failure>(one.result).message
                                        : std::string(std::get<std::string_view>(one.result)));
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> sent_;
  int outcome_messages_ = 0;
};

TEST_F(jobs_of_a_node, each_input_has_one_outcome_and_the_cost_comes_last) {
  const auto job = make(remote<plus_one>, {.shape = "threads:2"});
  EXPECT_EQ(job->places().tasks, 2U);
  EXPECT_EQ(job->places().lanes, 2U);
  job->start();
  add(*job, 0, 20);
  add(*job, 20, 5);
  EXPECT_FALSE(job->over());
  job->finish();
  EXPECT_EQ(last(), node_message::done);
  while (!job->over()) std::this_thread::yield();
  const auto got = outcomes();
  ASSERT_EQ(got.size(), 25U);
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].first, i);
    if (i == 13)
      EXPECT_EQ(got[i].second, "unlucky");
    else
      EXPECT_EQ(remote<plus_one>.decode_result(got[i].second), static_cast<int>(i) + 1);
  }
}

TEST_F(jobs_of_a_node, outcomes_do_not_wait_for_the_end_of_the_run) {
  const auto job = make(remote<plus_one>);
  job->start();
  add(*job, 0, 1);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !sent_.empty(); });
  }
  EXPECT_EQ(outcomes().size(), 1U);
  job->finish();
  EXPECT_EQ(last(), node_message::done);
}

std::atomic<bool> let_go = false;
int waits(int x) {
  while (!let_go) std::this_thread::yield();
  return x + 1;
}

TEST_F(jobs_of_a_node, a_message_without_outcomes_says_that_it_is_alive_during_a_long_task) {
  let_go = false;
  const auto job = make(remote<waits>, {.shape = "sync", .heartbeat = 1ms});
  job->start();
  add(*job, 0, 1);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sent_.size() >= 3; });
  }
  EXPECT_TRUE(outcomes().empty());
  let_go = true;
  job->finish();
  EXPECT_EQ(last(), node_message::done);
  EXPECT_EQ(outcomes().size(), 1U);
}

TEST_F(jobs_of_a_node, without_a_heartbeat_nothing_is_sent_during_a_long_task) {
  let_go = false;
  const auto job = make(remote<waits>);
  job->start();
  add(*job, 0, 1);
  let_go = true;
  job->finish();
  EXPECT_EQ(last(), node_message::done);
  outcomes();
  EXPECT_EQ(outcome_messages_, 1);
}

TEST_F(jobs_of_a_node, large_outcomes_travel_in_several_messages) {
  const auto job = make(remote<much>);
  add(*job, 0, 8);  // before it starts, so that they end together
  job->finish();
  job->start();
  EXPECT_EQ(last(), node_message::done);
  EXPECT_EQ(outcomes().size(), 8U);
  EXPECT_GT(outcome_messages_, 1);
}

TEST_F(jobs_of_a_node, a_cancelled_run_ends_its_tasks_and_says_what_it_cost) {
  const auto job = make(remote<never_ends>, {.shape = "async:4", .coroutine = true});
  job->start();
  add(*job, 0, 3);
  job->cancel();
  EXPECT_EQ(last(), node_message::done);
}

TEST_F(jobs_of_a_node, destroying_it_cancels_and_awaits_the_run) {
  const auto job = make(remote<never_ends>, {.shape = "async:4", .coroutine = true});
  add(*job, 0, 3);
  job->start();
}

TEST_F(jobs_of_a_node, one_that_was_never_started_can_be_destroyed) {
  const auto job = make(remote<plus_one>);
  add(*job, 0, 3);
}

TEST_F(jobs_of_a_node, what_cannot_be_is_refused_before_it_starts) {
  EXPECT_THROW(make(remote<plus_one>, {.shape = "auto"}), std::invalid_argument);
  EXPECT_THROW(make(remote<plus_one>, {.shape = "async:4"}), std::invalid_argument) << "a blocking task";
  EXPECT_THROW(make(remote<plus_one>, {.shape = "circle"}), std::invalid_argument);
  node_terms terms{.function = "no such function", .shape = "sync"};
  node_header header;
  header.function = function_digest(terms.function, terms.context);
  EXPECT_THROW(node_job(header, terms, [](auto) {}), std::logic_error);
  header.function ^= 1;
  EXPECT_THROW(node_job(header, terms, [](auto) {}), error) << "it is for another function than it names";
}

}  // namespace node_jobs
