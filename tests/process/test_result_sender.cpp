// Results on their way to the parent: which share a frame, in what order, and what waits.

#include <fanout/core/outcome.hpp>

#include "process/channel/unsent_results.hpp"
#include "process/parent_end.hpp"
#include "process/worker/result_sender.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace result_senders {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;
using ended_task = result_sender::ended_task;
using clock = result_sender::clock;

class result_sending : public ::testing::Test {
 protected:
  result_sending() : unsent_(std::make_unique<unsent_results>()) { sender_.emplace(link_, *unsent_); }

  /// Tasks that were run one after the other, each for a microsecond, long before they are due.
  ended_task task(std::uint64_t ordinal) const {
    return {.ordinal = ordinal, .lane = 2, .started = start_ + ordinal * 1us, .finished = start_ + (ordinal + 1) * 1us};
  }
  void collect(std::uint64_t ordinal, std::string value, bool first = false) {
    std::optional<failure> none;
    sender_->collect(task(ordinal), value, none, first);
  }
  void add(std::uint64_t ordinal, std::string value) {
    std::optional<failure> none;
    sender_->add(task(ordinal), value, none);
  }
  std::vector<test::read_result> read_frame() {
    const auto frame = parent_.next();
    if (!frame || frame->type != frame_type::results) return {};
    return test::results_of(frame->payload);
  }

  const clock::time_point start_ = clock::now() - 1h;
  test::parent_end parent_;
  parent_link link_{parent_.workers_socket()};
  std::unique_ptr<unsent_results> unsent_;
  std::optional<result_sender> sender_;
};

TEST_F(result_sending, results_wait_for_company_until_they_are_flushed) {
  add(0, "a");
  add(1, "bb");
  EXPECT_TRUE(sender_->waiting());
  EXPECT_FALSE(parent_.anything());
  sender_->flush();
  EXPECT_FALSE(sender_->waiting());
  const auto got = read_frame();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].value, "a");
  EXPECT_EQ(got[1].value, "bb");
  EXPECT_EQ(got[1].ordinal, 1U);
  EXPECT_EQ(got[1].lane, 2U);
  EXPECT_EQ(got[1].finished_ns - got[1].started_ns, 1'000);
  sender_->flush();
  EXPECT_FALSE(parent_.anything()) << "nothing is left";
}

TEST_F(result_sending, one_that_ends_when_the_others_have_waited_long_sends_all) {
  add(0, "a");
  std::optional<failure> none;
  std::string value = "late";
  sender_->add({.ordinal = 1, .started = clock::now(), .finished = clock::now() + 1h}, value, none);
  EXPECT_EQ(read_frame().size(), 2U);
}

TEST_F(result_sending, much_is_sent_at_once) {
  add(0, std::string(64 * 1024, 'x'));
  EXPECT_EQ(read_frame().size(), 1U);
}

TEST_F(result_sending, a_value_that_fits_no_shared_frame_is_sent_after_those_before_it) {
  std::jthread worker([&] {  // it is more than the socket holds
    add(0, "small");
    add(1, std::string(1 << 20, 'L'));
  });
  EXPECT_EQ(read_frame().at(0).value, "small");
  const auto large = read_frame();
  ASSERT_EQ(large.size(), 1U);
  EXPECT_EQ(large[0].value, std::string(1 << 20, 'L'));
}

TEST_F(result_sending, a_failure_travels_in_place_of_its_value) {
  std::optional<failure> failed = failure{.kind = failure_kind::task_failed, .message = "no such row"};
  std::string value = "half of it";
  sender_->add(task(5), value, failed);
  sender_->flush();
  const auto got = read_frame();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_FALSE(got[0].ok);
  EXPECT_EQ(got[0].value, "no such row");
}

TEST_F(result_sending, a_lane_that_runs_all_tasks_collects_them_in_a_run) {
  for (std::uint64_t i = 0; i < 1'000; ++i) collect(i, std::to_string(i), i == 0);
  EXPECT_TRUE(sender_->waiting());
  sender_->flush();
  const auto got = read_frame();
  ASSERT_EQ(got.size(), 1'000U);
  for (std::uint64_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].ordinal, i);
    EXPECT_EQ(got[i].value, std::to_string(i));
    EXPECT_EQ(got[i].started_ns, (start_ + i * 1us).time_since_epoch().count());
    EXPECT_EQ(got[i].finished_ns - got[i].started_ns, 1'000);
  }
}

TEST_F(result_sending, the_complete_part_of_a_run_may_be_sent_while_it_goes_on) {
  collect(0, "a", true);
  collect(1, "b");
  sender_->flush();
  EXPECT_EQ(read_frame().size(), 2U);
  collect(2, "c");
  collect(3, "dd");
  sender_->flush();
  const auto rest = read_frame();
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].value, "c");
  EXPECT_EQ(rest[1].value, "dd");
}

TEST_F(result_sending, what_does_not_follow_a_run_begins_another_in_order) {
  collect(0, "a", true);
  collect(1, "b");
  collect(7, "later ordinal");
  std::optional<failure> failed = failure{.message = "broken"};
  std::string none;
  sender_->collect(task(8), none, failed, false);
  collect(9, "first of a batch", true);
  sender_->flush();
  std::vector<std::uint64_t> ordinals;
  for (const auto& each : read_frame()) ordinals.push_back(each.ordinal);
  EXPECT_EQ(ordinals, (std::vector<std::uint64_t>{0, 1, 7, 8, 9}));
}

TEST_F(result_sending, a_run_longer_than_its_memory_loses_nothing) {
  const std::uint64_t count = unsent_results::run_tasks * 2 + 100;
  std::jthread worker([&] {  // it is more than the socket holds
    for (std::uint64_t i = 0; i < count; ++i) collect(i, "12345678", i == 0);
    sender_->flush();
  });
  std::uint64_t next = 0;
  while (next < count)
    for (const auto& each : read_frame()) EXPECT_EQ(each.ordinal, next++);
}

TEST_F(result_sending, another_frame_comes_after_the_results_before_it) {
  collect(0, "a", true);
  std::string bytes;
  frame_writer frame(bytes, frame_type::returned);
  append_raw(bytes, returned_frame{1});
  frame.close();
  sender_->send(bytes);
  EXPECT_EQ(read_frame().size(), 1U);
  EXPECT_EQ(parent_.next()->type, frame_type::returned);
}

TEST_F(result_sending, flush_due_sends_only_what_has_waited_long_enough) {
  sender_->flush();  // just now
  add(0, "a");
  sender_->flush_due();
  // Either a millisecond has passed on this machine or it has not; it is sent once in any case.
  while (sender_->waiting()) sender_->flush_due();
  EXPECT_EQ(read_frame().size(), 1U);
  EXPECT_FALSE(parent_.anything());
}

TEST_F(result_sending, what_is_not_sent_is_found_by_the_parent_of_a_dead_worker) {
  add(0, "framed");
  collect(1, "collected", true);
  std::vector<std::string> values;
  for (const auto& each : test::results_of(unsent_->left_behind())) values.push_back(each.value);
  EXPECT_EQ(values, (std::vector<std::string>{"framed", "collected"}));
  sender_->flush();
  EXPECT_EQ(read_frame().size(), 2U);
  EXPECT_TRUE(test::results_of(unsent_->left_behind()).size() <= 1) << "a run is forgotten when the next one begins";
}

}  // namespace result_senders
