// The middle of a pool: tasks of many clients in, one outcome for each, whatever becomes of pool or workers.

#include <fanout/process/remote.hpp>

#include "process/pool/pool_engine.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <signal.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace pool_engines {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;

int plus_one(int x) {
  if (x == 13) raise(SIGKILL);
  return x + 1;
}

int hangs(int x) {
  for (;;) pause();
  return x;
}

/// Counts outcomes; each index has one.
class counting_client final : public pool_client {
 public:
  void on_results(const result_batch& run) override {
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < run.count(); ++i)
      add(run.facts(i).index, std::to_string(remote<plus_one>.decode_result(run.value(i))));
    changed_.notify_all();
  }
  void on_failure(const outcome_facts& facts, failure reason) override {
    const std::lock_guard lock(mutex_);
    kinds_.push_back(reason.kind);
    add(facts.index, reason.message);
    changed_.notify_all();
  }
  /// Waits for so many outcomes.
  std::map<std::uint64_t, std::string> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return outcomes_.size() >= count; });
    return outcomes_;
  }
  std::vector<failure_kind> kinds() {
    const std::lock_guard lock(mutex_);
    return kinds_;
  }

 private:
  void add(std::uint64_t index, std::string text) {
    EXPECT_TRUE(outcomes_.emplace(index, std::move(text)).second) << "a second outcome of task " << index;
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, std::string> outcomes_;
  std::vector<failure_kind> kinds_;
};

class engines : public test::leak_checked {
 protected:
  static std::shared_ptr<pool_engine> make(std::uint32_t workers) {
    return std::make_shared<pool_engine>(process_pool_options{.processes = workers});
  }
  template <class Function>
  static pool_tasks tasks(pool_engine& pool, const std::shared_ptr<counting_client>& client, const Function& function,
                          std::uint64_t first, int count, std::uint32_t* number = nullptr) {
    pool_tasks made;
    made.client = client;
    made.first_index = first;
    for (int i = 0; i < count; ++i) {
      function.encode(static_cast<int>(first) + i, made.inputs.open());
      EXPECT_TRUE(made.inputs.close());
    }
    made.terms.function = pool.acquire({std::string(function.name()), function.context()});
    if (number) *number = made.terms.function;
    return made;
  }
};

TEST_F(engines, tasks_of_several_clients_have_one_outcome_each) {
  const auto pool = make(2);
  const auto one = std::make_shared<counting_client>();
  const auto other = std::make_shared<counting_client>();
  std::uint32_t number = 0;
  pool_tasks first = tasks(*pool, one, remote<plus_one>, 0, 10, &number);
  pool_tasks second = tasks(*pool, other, remote<plus_one>, 0, 10);
  EXPECT_EQ(second.terms.function, number) << "one function has one number";
  EXPECT_TRUE(pool->submit(first));
  EXPECT_TRUE(pool->submit(second));
  for (const auto& client : {one, other}) {
    const auto got = client->wait(10);
    for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(got.at(i), std::to_string(i + 1));
  }
  pool->release(number);
  pool->release(number);
  pool->close(pool_engine::closing::drain);
  EXPECT_GE(pool->report().processes, 1U);
}

TEST_F(engines, a_worker_that_dies_fails_its_own_task) {
  const auto pool = make(1);
  const auto client = std::make_shared<counting_client>();
  pool_tasks some = tasks(*pool, client, remote<plus_one>, 10, 8);
  ASSERT_TRUE(pool->submit(some));
  const auto got = client->wait(8);
  EXPECT_THAT(got.at(13), HasSubstr("SIGKILL"));
  EXPECT_EQ(client->kinds(), (std::vector{failure_kind::worker_died}));
  EXPECT_EQ(got.at(17), "18");
  pool->close(pool_engine::closing::drain);
  EXPECT_EQ(pool->report().restarts, 1U);
}

TEST_F(engines, draining_ends_what_was_submitted_and_takes_no_more) {
  const auto pool = make(1);
  const auto client = std::make_shared<counting_client>();
  pool_tasks some = tasks(*pool, client, remote<plus_one>, 100, 50);
  ASSERT_TRUE(pool->submit(some));
  pool->close(pool_engine::closing::drain);
  EXPECT_EQ(client->wait(50).size(), 50U);
  EXPECT_TRUE(client->kinds().empty());
  pool_tasks late = tasks(*pool, client, remote<plus_one>, 500, 1);
  EXPECT_FALSE(pool->submit(late));
  EXPECT_EQ(late.inputs.count(), 1U) << "they stay with the caller";
  EXPECT_EQ(pool->check_out(), nullptr);
}

TEST_F(engines, killing_ends_what_is_under_way_and_what_waits) {
  const auto pool = make(1);
  const auto client = std::make_shared<counting_client>();
  pool_tasks some = tasks(*pool, client, remote<hangs>, 0, 5);
  ASSERT_TRUE(pool->submit(some));
  pool->close(pool_engine::closing::kill);
  EXPECT_EQ(client->wait(5).size(), 5U);
  EXPECT_EQ(client->kinds().size(), 5U);
}

TEST_F(engines, the_tasks_of_one_client_can_be_ended_alone) {
  const auto pool = make(1);
  const auto gone = std::make_shared<counting_client>();
  const auto stays = std::make_shared<counting_client>();
  pool_tasks hanging = tasks(*pool, gone, remote<hangs>, 0, 2);
  pool_tasks others = tasks(*pool, stays, remote<plus_one>, 100, 3);
  ASSERT_TRUE(pool->submit(hanging));
  ASSERT_TRUE(pool->submit(others));
  pool->cancel(*gone);
  EXPECT_EQ(gone->wait(2).size(), 2U);
  const auto got = stays->wait(3);
  EXPECT_EQ(got.at(102), "103");
  pool->close(pool_engine::closing::drain);
}

TEST_F(engines, a_pool_that_was_never_used_starts_nothing) {
  const auto pool = make(4);
  EXPECT_EQ(pool->report().tasks, 0U);
  EXPECT_TRUE(test::children().empty());
  EXPECT_FALSE(pool->forked());
  EXPECT_NO_THROW(pool->require_own_process());
  pool->close(pool_engine::closing::drain);
  pool->close(pool_engine::closing::kill);
}

}  // namespace pool_engines
