#include <fanout/compare/workload.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace fanout {
namespace {

using namespace std::chrono_literals;

TEST(latencies, are_counted_to_within_three_per_cent) {
  detail::latency_histogram all;
  for (int i = 1; i <= 1000; ++i) all.add(std::chrono::microseconds(i));
  const auto found = all.percentiles();
  const auto close_to = [](std::chrono::nanoseconds got, std::chrono::nanoseconds want) {
    EXPECT_GE(got, want);
    EXPECT_LE(static_cast<double>(got.count()), static_cast<double>(want.count()) * 1.035);
  };
  close_to(found.p50, 500us);
  close_to(found.p90, 900us);
  close_to(found.p99, 990us);
  EXPECT_EQ(found.most, 1000us);
}

TEST(latencies, may_be_none_or_anything) {
  detail::latency_histogram all;
  EXPECT_EQ(all.percentiles().most, 0ns);
  all.add(0ns);
  EXPECT_EQ(all.percentiles().p99, 0ns);
  all.add(std::chrono::nanoseconds::max());
  all.add(-1ns);
  EXPECT_EQ(all.percentiles().most, std::chrono::nanoseconds::max());
  EXPECT_EQ(all.percentiles().p50, 0ns);
  EXPECT_EQ(all.percentiles().p99, std::chrono::nanoseconds::max());
}

outcome_facts facts_of(std::uint64_t index, std::chrono::nanoseconds taken = 1ms,
                       std::chrono::nanoseconds used = -1ns) {
  outcome_facts facts;
  facts.index = index;
  facts.started = std::chrono::steady_clock::now();
  facts.finished = facts.started + taken;
  facts.cpu = used;
  return facts;
}

TEST(workload_sink, the_checksum_is_of_results_in_their_places_whatever_order_they_come_in) {
  const auto checksum_of = [](std::vector<std::pair<std::uint64_t, std::uint64_t>> results) {
    detail::workload_sink sink;
    for (const auto& [index, digest] : results) sink.accept(facts_of(index), digest);
    return std::move(sink).finish({}).checksum;
  };
  EXPECT_EQ(checksum_of({{0, 7}, {1, 8}}), checksum_of({{1, 8}, {0, 7}}));
  EXPECT_NE(checksum_of({{0, 7}, {1, 8}}), checksum_of({{0, 8}, {1, 7}}));
  EXPECT_NE(checksum_of({{0, 7}}), checksum_of({{0, 7}, {1, 0}}));
}

TEST(workload_sink, times_are_in_the_order_of_the_inputs_and_failed_tasks_have_none) {
  detail::workload_sink sink;
  sink.accept(facts_of(2, 30ms, 3ms), 0);
  sink.refuse(facts_of(1, 1ms), {failure_kind::timeout, "late"});
  sink.accept(facts_of(0, 20ms), 0);
  const workload_run done = std::move(sink).finish({});
  EXPECT_EQ(done.taken, (std::vector<std::chrono::nanoseconds>{20ms, 0ms, 30ms}));
  EXPECT_EQ(done.computed, (std::vector<std::chrono::nanoseconds>{-1ns, -1ns, 3ms}));
  EXPECT_EQ(done.quickest, 20ms);
  EXPECT_EQ(done.cost.failures, 1U);
  EXPECT_EQ(done.latency.most, 30ms);
}

TEST(workload_sink, the_failure_told_is_that_of_the_lowest_index) {
  detail::workload_sink sink;
  sink.refuse(facts_of(3), {failure_kind::timeout, "third"});
  sink.refuse(facts_of(1), {failure_kind::dns, "first"});
  sink.refuse(facts_of(2), {failure_kind::timeout, "second"});
  const workload_run done = std::move(sink).finish({});
  EXPECT_EQ(done.failure, "dns: first");
  EXPECT_EQ(done.cost.failures, 3U);
}

int halved(int value) {
  if (value % 2 != 0) throw std::runtime_error("odd");
  return value / 2;
}

TEST(make_workload, runs_as_many_tasks_as_asked_for_and_a_digest_may_refuse_a_result) {
  const auto work = make_workload("halves", "halving", halved, std::vector<int>{2, 4, 3, 8}, [](int half) {
    if (half == 2) throw std::runtime_error("two is refused");
    return static_cast<std::uint64_t>(half);
  });
  EXPECT_EQ(work.tasks, 4U);
  EXPECT_EQ(work.run(sync(), 1).failure, "");
  EXPECT_EQ(work.run(sync(), 1).cost.tasks, 1U);
  EXPECT_EQ(work.run(sync(), 2).failure, "task_failed: two is refused");
  const workload_run all = work.run(threads(2), 100);
  EXPECT_EQ(all.cost.tasks, 4U) << "no more than there are";
  EXPECT_EQ(all.cost.failures, 2U);
  EXPECT_EQ(all.cost.wall.count() > 0, true);
}

}  // namespace
}  // namespace fanout
