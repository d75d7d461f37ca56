// What a worker has been handed: claimed in order, given back when asked, and a parent that errs.

#include <fanout/process/remote.hpp>

#include "process/parent_end.hpp"
#include "process/worker/task_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace task_queues {

using namespace fanout;
using namespace fanout::detail;

std::string echo(const std::string& text) {
  return text;
}

/// A queue of a worker with so many lanes, on its socket.
struct queue_of {
  explicit queue_of(std::uint32_t lanes, bool one_lane)
      : page(progress_page::create(lanes)),
        results(link, page.unsent()),
        queue(link, page, reader, control, results, lanes, one_lane) {
    parent.send_function(0, remote<echo>.name());
  }
  /// What is claimed now, as bytes; empty where there is nothing.
  std::optional<std::string> claim() {
    claimed_task task;
    if (queue.claim(task) != pull_status::item) return std::nullopt;
    return std::string(task.argument());
  }

  test::parent_end parent;
  parent_link link{parent.workers_socket()};
  options how;
  run_control control{how};
  frame_reader reader;
  progress_page page;
  result_sender results;
  task_queue queue;
};

TEST(task_queue, tasks_are_claimed_in_the_order_they_were_handed_over) {
  queue_of worker(2, false);
  EXPECT_EQ(worker.claim(), std::nullopt);
  EXPECT_TRUE(worker.queue.more());
  worker.parent.send_tasks(0, {"a", "bb"});
  worker.parent.send_tasks(2, {"c"}, 0, true);
  EXPECT_EQ(worker.claim(), "a");
  EXPECT_FALSE(worker.queue.attended()) << "no more may come while this one is under way";
  EXPECT_TRUE(worker.queue.backlog());
  EXPECT_EQ(worker.claim(), "bb");
  EXPECT_EQ(worker.claim(), "c");
  EXPECT_TRUE(worker.queue.attended());
  EXPECT_FALSE(worker.queue.backlog());
  EXPECT_EQ(worker.claim(), std::nullopt);
}

TEST(task_queue, the_end_of_the_parent_ends_the_run_after_the_last_task) {
  queue_of worker(2, false);
  worker.parent.send_tasks(0, {"a"});
  worker.parent.close_sending();
  EXPECT_EQ(worker.claim(), "a");
  claimed_task none;
  while (worker.queue.claim(none) == pull_status::not_ready) continue;
  EXPECT_EQ(worker.queue.claim(none), pull_status::end);
  EXPECT_FALSE(worker.queue.more());
  EXPECT_FALSE(worker.control.pulling());
}

TEST(task_queue, the_only_lane_waits_for_a_task_and_goes_through_its_batch_without_a_lock) {
  queue_of worker(1, true);
  std::jthread later([&] { worker.parent.send_tasks(0, {"a", "b", "c"}); });
  claimed_task task;
  EXPECT_EQ(worker.queue.claim(task), pull_status::item);
  EXPECT_EQ(task.argument(), "a");
  EXPECT_TRUE(worker.queue.claim_next(task));
  EXPECT_EQ(task.argument(), "b");
  EXPECT_TRUE(worker.queue.claim_next(task));
  EXPECT_EQ(task.argument(), "c");
  EXPECT_FALSE(worker.queue.claim_next(task));
}

TEST(task_queue, large_inputs_stay_where_they_arrived) {
  queue_of worker(2, false);
  const std::string large(300'000, 'L');
  std::jthread sender([&] { worker.parent.send_tasks(0, {large, "small"}); });
  std::optional<std::string> first;
  while (!(first = worker.claim())) continue;
  EXPECT_EQ(*first, large);
  EXPECT_EQ(worker.claim(), "small");
}

std::uint64_t returned_from(test::parent_end& parent) {
  const auto frame = parent.next();
  if (!frame || frame->type != frame_type::returned) return ~std::uint64_t{0};
  std::string_view payload = frame->payload;
  return take_raw<returned_frame>(payload)->from;
}

TEST(task_queue, what_nobody_has_claimed_is_given_back) {
  queue_of worker(2, false);
  worker.parent.send_tasks(0, {"a", "b"});
  worker.parent.send_tasks(2, {"c", "d"});
  EXPECT_EQ(worker.claim(), "a");
  worker.parent.send_frame(frame_type::recall, "", recall_frame{.keep = 1});
  worker.queue.read_meanwhile();
  EXPECT_EQ(returned_from(worker.parent), 2U) << "but for the first that was not claimed";
  EXPECT_EQ(worker.claim(), "b");
  EXPECT_EQ(worker.claim(), std::nullopt) << "it is the parent's again";
  worker.parent.send_tasks(2, {"e"});
  EXPECT_EQ(worker.claim(), "e") << "numbers go on from what was given back";
  worker.parent.send_frame(frame_type::recall, "", recall_frame{.keep = 0});
  worker.queue.read_meanwhile();
  EXPECT_EQ(returned_from(worker.parent), 3U) << "there was nothing to give back, and it is said so";
}

TEST(task_queue, the_middle_of_a_batch_may_be_cut_while_a_lane_goes_through_it) {
  queue_of worker(1, true);
  worker.parent.send_tasks(0, {"a", "b", "c", "d"}, 0, true);
  claimed_task task;
  EXPECT_EQ(worker.queue.claim(task), pull_status::item);
  worker.parent.send_frame(frame_type::recall, "", recall_frame{.keep = 1});
  worker.queue.read_meanwhile();
  EXPECT_EQ(returned_from(worker.parent), 2U);
  worker.parent.send_tasks(2, {"x", "y"});
  worker.queue.read_meanwhile();
  EXPECT_TRUE(worker.queue.claim_next(task));
  EXPECT_EQ(task.argument(), "b");
  EXPECT_FALSE(worker.queue.claim_next(task)) << "what follows there is of another batch";
  EXPECT_EQ(worker.claim(), "x");
}

/// What claiming throws when the parent has sent that.
std::string protocol_error(const std::function<void(test::parent_end&)>& send) {
  queue_of worker(2, false);
  send(worker.parent);
  try {
    worker.claim();
  } catch (const error& why) {
    EXPECT_EQ(why.kind(), failure_kind::protocol);
    return why.what();
  }
  return "nothing";
}

TEST(task_queue, a_parent_that_errs_is_told_apart) {
  using testing::HasSubstr;
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_tasks(0, {"a"}, 7); }), HasSubstr("no function"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_tasks(1, {"a"}); }), HasSubstr("out of their order"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_frame(frame_type::tasks, "", tasks_frame{.count = 0}); }),
              HasSubstr("out of their order"));
  EXPECT_THAT(protocol_error(
                  [](auto& parent) { parent.send_frame(frame_type::tasks, "ab", tasks_frame{.count = 3, .each = 1}); }),
              HasSubstr("ends too soon"));
  EXPECT_THAT(protocol_error([](auto& parent) {
                parent.send_frame(frame_type::tasks, "abcd", tasks_frame{.count = 3, .each = 1});
              }),
              HasSubstr("ends too soon"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_frame(frame_type::tasks, "x"); }),
              HasSubstr("no function"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_frame(frame_type::recall, "x"); }),
              HasSubstr("too few bytes"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_function(0, remote<echo>.name()); }), HasSubstr("twice"));
  EXPECT_THAT(protocol_error([](auto& parent) {
                parent.send_frame(frame_type::function, "ab", function_frame{.number = 1, .name_bytes = 3});
              }),
              HasSubstr("too few bytes"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_frame(frame_type::forget, "", forget_frame{9}); }),
              HasSubstr("had not told of"));
  EXPECT_THAT(protocol_error([](auto& parent) { parent.send_frame(frame_type::bye, ""); }),
              HasSubstr("not a parent's"));
}

TEST(task_queue, a_number_that_was_forgotten_may_be_used_again) {
  queue_of worker(2, false);
  worker.parent.send_tasks(0, {"a"});
  EXPECT_EQ(worker.claim(), "a");
  worker.parent.send_frame(frame_type::forget, "", forget_frame{0});
  worker.parent.send_function(0, remote<echo>.name());
  worker.parent.send_tasks(1, {"b"});
  EXPECT_EQ(worker.claim(), "b");
}

TEST(task_queue, each_task_is_claimed_by_one_lane_or_given_back) {
  queue_of worker(4, false);
  std::vector<std::atomic<int>> seen(20'000);
  std::uint64_t back_from = 0;
  {
    std::atomic<bool> stop = false;
    std::vector<std::jthread> lanes;
    for (int lane = 0; lane < 4; ++lane)
      lanes.emplace_back([&] {
        claimed_task task;
        for (pull_status got{}; (got = worker.queue.claim(task)) != pull_status::end;)
          if (got == pull_status::item)
            ++seen[task.ordinal];
          else if (stop)
            return;
      });
    for (std::uint64_t first = 0; first < seen.size(); first += 100)
      worker.parent.send_tasks(first, std::vector<std::string>(100, "x"));
    worker.parent.send_frame(frame_type::recall, "", recall_frame{.keep = 5});
    back_from = returned_from(worker.parent);
    stop = true;
  }
  ASSERT_LE(back_from, seen.size());
  for (std::uint64_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], i < back_from ? 1 : 0) << i;
}

}  // namespace task_queues
