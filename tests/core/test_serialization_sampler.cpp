// What it would cost to send the first tasks of a run to another process.

#include <fanout/core/detail/serialization_sampler.hpp>

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace fanout::detail {
namespace {

/// Encodes an input as so many bytes, and counts.
struct counting_task {
  mutable int encoded = 0;
  void encode(int bytes, std::string& into) const {
    ++encoded;
    if (bytes < 0) throw std::domain_error("cannot travel");
    into.append(static_cast<std::size_t>(bytes), 'x');
  }
  void encode_result(int bytes, std::string& into) const { into.append(static_cast<std::size_t>(bytes), 'y'); }
};

outcome<int> succeeded(int value) {
  outcome<int> out;
  outcome_access::succeed(out, value);
  return out;
}
outcome<int> failed() {
  outcome<int> out;
  outcome_access::fail(out, {.message = "no"});
  return out;
}

TEST(serialization_sampler, adds_up_inputs_and_results_and_divides_by_tasks) {
  const counting_task task;
  serialization_sampler<true> sampler(true);
  EXPECT_TRUE(sampler.cost().possible);
  EXPECT_EQ(sampler.cost().bytes, 0U);
  for (const int bytes : {10, 30}) {
    sampler.sample_input(task, bytes);
    sampler.sample_result(task, succeeded(100));
  }
  sampler.sample_result(task, failed());
  EXPECT_EQ(sampler.cost().bytes, 120U) << "(10 + 100 + 30 + 100) / 2; a failure has no result to encode";
  EXPECT_GE(sampler.cost().each.count(), 0);
}

TEST(serialization_sampler, looks_at_sixteen_tasks_and_no_more) {
  const counting_task task;
  serialization_sampler<true> sampler(true);
  for (int i = 0; i < 100; ++i) sampler.sample_input(task, 1);
  EXPECT_EQ(task.encoded, 16);
}

TEST(serialization_sampler, what_cannot_be_encoded_cannot_travel) {
  const counting_task task;
  serialization_sampler<true> sampler(true);
  sampler.sample_input(task, 1);
  EXPECT_NO_THROW(sampler.sample_input(task, -1)) << "the run itself does not mind";
  EXPECT_FALSE(sampler.cost().possible);
}

TEST(serialization_sampler, encodes_nothing_for_other_runs_and_other_tasks) {
  const counting_task task;
  serialization_sampler<true> not_asked(false);
  not_asked.sample_input(task, 1);
  EXPECT_FALSE(not_asked.cost().possible);
  serialization_sampler<false> not_remote(true);
  not_remote.sample_input(task, 1);
  EXPECT_FALSE(not_remote.cost().possible);
  EXPECT_EQ(task.encoded, 0);
}

}  // namespace
}  // namespace fanout::detail
