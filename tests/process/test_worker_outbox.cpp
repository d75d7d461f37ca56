// Frames that are written for a worker, and functions it is told of once.

#include "process/supervised.hpp"
#include "process/supervisor/worker_outbox.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

namespace worker_outbox_tests {

using namespace fanout;
using namespace fanout::detail;
using test::some_tasks;
using testing::ElementsAre;

class named_functions final : public remote_job {
 public:
  remote_callable function(std::uint32_t number) const override {
    if (number == 99) throw std::bad_alloc();
    return {"name", "context " + std::to_string(number)};
  }
  bool needs_loops() const override { return false; }
  pull_status pull_encoded(std::uint64_t&, encoded_values&, task_terms&, std::uint32_t, std::size_t) override {
    return pull_status::end;
  }
  int source_handle() override { return -1; }
  void deliver_results(const result_batch&) override {}
  void deliver_failure(const outcome_facts&, failure) override {}
};

std::vector<frame_type> types_in(std::string_view bytes) {
  frame_reader reader;
  std::copy(bytes.begin(), bytes.end(), reader.prepare(bytes.size()));
  reader.added(bytes.size());
  std::vector<frame_type> types;
  while (const auto frame = reader.next()) types.push_back(frame->type);
  return types;
}

TEST(worker_outbox, tells_of_a_function_once_until_it_is_forgotten) {
  const named_functions job;
  worker_outbox out;
  EXPECT_TRUE(out.empty());
  out.tell_of(3, job);
  out.tell_of(3, job);
  out.tell_of(4, job);
  EXPECT_THAT(types_in(out.frames()), ElementsAre(frame_type::function, frame_type::function));
  out.clear();
  out.forget(3, true);
  out.forget(3, true);
  EXPECT_THAT(types_in(out.frames()), ElementsAre(frame_type::forget));
  out.clear();
  out.forget(4, false);
  EXPECT_TRUE(out.empty());
  out.tell_of(4, job);
  EXPECT_FALSE(out.empty());
}

TEST(worker_outbox, writes_nothing_of_a_frame_that_fails) {
  const named_functions job;
  worker_outbox out;
  out.write_recall(1);
  const std::string before(out.frames());
  EXPECT_THROW(out.tell_of(99, job), std::bad_alloc);
  EXPECT_EQ(out.frames(), before);
  EXPECT_TRUE(out.take_told().empty()) << "it was not told";
}

TEST(worker_outbox, writes_tasks_with_their_inputs_or_announces_them) {
  worker_outbox out;
  const task_bundle tasks = some_tasks(0, 3);
  out.write_tasks(17, true, tasks, false);
  const std::size_t whole = out.frames().size();
  EXPECT_THAT(types_in(out.frames()), ElementsAre(frame_type::tasks));
  std::string_view payload = out.frames().substr(sizeof(frame_header));
  const auto header = take_raw<tasks_frame>(payload);
  ASSERT_TRUE(header);
  EXPECT_EQ(header->first_ordinal, 17u);
  EXPECT_EQ(header->count, 3u);
  EXPECT_EQ(header->more_may_come, 1u);
  EXPECT_EQ(payload, tasks.inputs.all());
  out.clear();
  out.write_tasks(17, false, tasks, true);
  EXPECT_EQ(out.frames().size(), whole - tasks.inputs.bytes());
  EXPECT_THAT(types_in(out.frames()), testing::IsEmpty()) << "the inputs are to follow";
  EXPECT_THAT(types_in(std::string(out.frames()) + std::string(tasks.inputs.all())), ElementsAre(frame_type::tasks));
}

TEST(worker_outbox, takes_back_what_was_written_last) {
  worker_outbox out;
  out.write_recall(1);
  const std::size_t before = out.mark();
  out.write_tasks(0, false, some_tasks(0, 1), false);
  out.take_back_to(before);
  EXPECT_THAT(types_in(out.frames()), ElementsAre(frame_type::recall));
}

TEST(worker_outbox, lets_somebody_else_tell_the_worker) {
  const named_functions job;
  worker_outbox out;
  out.tell_of(3, job);
  out.clear();
  auto told = out.take_told();
  told.insert(5);
  out.set_told(told);
  out.tell_of(3, job);
  out.tell_of(5, job);
  EXPECT_TRUE(out.empty());
}

}  // namespace worker_outbox_tests
