// One run as those who carry its tasks to other processes see it: inputs and results are bytes.

#include <fanout/core/detail/pipeline.hpp>
#include <fanout/core/options.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

/// A task that can travel: a text becomes its length. "bad" cannot be encoded, and a result "?" cannot be decoded.
struct length_task {
  std::size_t operator()(const std::string& text) const { return text.size(); }
  static std::string_view name() { return "length"; }
  static std::string context() { return "bound"; }
  static void encode(const std::string& text, std::string& bytes) {
    bytes += text.substr(0, 2);
    if (text == "bad") throw std::domain_error("cannot be encoded");
    bytes = bytes.substr(0, bytes.size() - std::min<std::size_t>(2, text.size())) + text;
  }
  static std::size_t decode_result(std::string_view bytes) {
    if (bytes == "?") throw std::runtime_error("not a length");
    return std::stoul(std::string(bytes));
  }
};

struct pulled {
  pull_status status{};
  std::uint64_t index = 0;
  std::vector<std::string> inputs;
  task_terms terms;
};

/// Runs over these texts, whose tasks a backend carries: the test.
template <class Sink>
class carried_run final : public worker_backend {
 public:
  carried_run(std::vector<std::string> texts, Sink sink) : texts_(std::move(texts)), sink_(std::move(sink)) {}

  report perform(std::function<void(remote_job&, run_control&)> carry, options how = {}) {
    carry_ = std::move(carry);
    how.backend = fanout::backend(*this);
    how.on_error = on_error::collect;
    length_task task;
    pipeline<std::vector<std::string>&, length_task, Sink> work(how, task, texts_, sink_);
    return work.run();
  }
  static pulled pull(remote_job& job, std::uint32_t most, std::size_t most_bytes = 1'000'000) {
    pulled got;
    encoded_values inputs;
    got.status = job.pull_encoded(got.index, inputs, got.terms, most, most_bytes);
    for (std::uint32_t i = 0; i < inputs.count(); ++i) got.inputs.emplace_back(inputs[i]);
    return got;
  }

 private:
  void run(run_control& control, remote_job& job, const fanout::shape&, report& cost) override {
    carry_(job, control);
    cost.processes = 3;
  }
  std::vector<std::string> texts_;
  Sink sink_;
  std::function<void(remote_job&, run_control&)> carry_;
};

void deliver(remote_job& job, std::uint64_t index, const std::vector<std::string>& results) {
  outcome_facts first;
  first.index = index;
  first.finished = first.started + 10ns;
  encoded_values values;
  std::string ends;
  std::uint32_t end = 0;
  for (const std::string& each : results) {
    values.open() += each;
    EXPECT_TRUE(values.close());
    end += 10;
    if (results.size() > 1) ends.append(reinterpret_cast<const char*>(&end), sizeof end);
  }
  job.deliver_results({first, ends, values.view()});
}

TEST(pipeline, pulls_inputs_in_batches_within_both_limits) {
  carried_run all({"a", "bb", "ccc", "dddd", "e"}, [](const outcome<std::size_t>&) {});
  all.perform([](remote_job& job, run_control&) {
    using run = decltype(all);
    EXPECT_EQ(job.function(0).name, "length");
    EXPECT_EQ(job.function(0).context, "bound");
    EXPECT_FALSE(job.needs_loops());
    const auto first = run::pull(job, 2);
    EXPECT_EQ(first.status, pull_status::item);
    EXPECT_EQ(first.index, 0U);
    EXPECT_THAT(first.inputs, ElementsAre("a", "bb"));
    const auto second = run::pull(job, 100, 4);
    EXPECT_EQ(second.index, 2U);
    EXPECT_THAT(second.inputs, ElementsAre("ccc", "dddd")) << "no more once they have that many bytes";
    const auto third = run::pull(job, 100);
    EXPECT_THAT(third.inputs, ElementsAre("e"));
    EXPECT_EQ(run::pull(job, 100).status, pull_status::end);
    deliver(job, 0, {"1", "2", "3", "4", "1"});
  });
}

TEST(pipeline, says_the_time_limit_of_a_task) {
  carried_run all({"a"}, [](const outcome<std::size_t>&) {});
  options how;
  how.task_timeout = 30ms;
  all.perform(
      [](remote_job& job, run_control&) {
        EXPECT_EQ(decltype(all)::pull(job, 1).terms.limit, 30ms);
        deliver(job, 0, {"1"});
      },
      how);
}

TEST(pipeline, an_input_that_cannot_be_encoded_is_a_failure_and_the_others_go_on) {
  std::vector<std::pair<std::uint64_t, bool>> seen;
  carried_run all({"a", "bad", "ccc"}, [&](const outcome<std::size_t>& out, const std::string& input) {
    seen.emplace_back(out.index, out.ok());
    if (out.index == 1) {
      EXPECT_EQ(input, "bad");
      EXPECT_THAT(out.error().message, HasSubstr("cannot be encoded"));
    }
  });
  const report cost = all.perform([](remote_job& job, run_control&) {
    using run = decltype(all);
    const auto first = run::pull(job, 100);
    EXPECT_THAT(first.inputs, ElementsAre("a")) << "the indices of those together have no gap";
    const auto second = run::pull(job, 100);
    EXPECT_EQ(second.index, 2U);
    EXPECT_THAT(second.inputs, ElementsAre("ccc"));
    deliver(job, 2, {"3"});
    deliver(job, 0, {"1"});
  });
  EXPECT_THAT(seen, ElementsAre(std::pair(1U, false), std::pair(2U, true), std::pair(0U, true)));
  EXPECT_EQ(cost.tasks, 3U);
  EXPECT_EQ(cost.failures, 1U);
  EXPECT_EQ(cost.processes, 3U) << "as the backend says";
}

TEST(pipeline, a_sink_that_takes_inputs_has_each_with_its_own_outcome) {
  std::vector<std::string> seen(3);
  carried_run all({"a", "bb", "ccc"}, [&](const outcome<std::size_t>& out, const std::string& input) {
    seen[out.index] = input + "=" + (out.ok() ? std::to_string(out.value()) : "failed");
  });
  all.perform([](remote_job& job, run_control&) {
    decltype(all)::pull(job, 100);
    deliver(job, 2, {"3"});
    outcome_facts second;
    second.index = 1;
    job.deliver_failure(second, {.kind = failure_kind::worker_died, .message = "killed"});
    deliver(job, 0, {"1"});
  });
  EXPECT_THAT(seen, ElementsAre("a=1", "bb=failed", "ccc=3"));
}

TEST(pipeline, a_result_that_cannot_be_decoded_is_a_failure) {
  std::vector<std::string> messages;
  carried_run all({"a", "b"}, [&](const outcome<std::size_t>& out) {
    messages.push_back(out.ok() ? std::to_string(out.value()) : out.error().message);
  });
  all.perform([](remote_job& job, run_control&) {
    decltype(all)::pull(job, 100);
    deliver(job, 0, {"?", "7"});
  });
  EXPECT_THAT(messages, ElementsAre("not a length", "7"));
}

TEST(pipeline, after_its_sink_threw_nothing_more_is_pulled_or_handed_over) {
  int handed_over = 0;
  carried_run all({"a", "b", "c"}, [&](const outcome<std::size_t>&) {
    ++handed_over;
    throw std::length_error("disk full");
  });
  EXPECT_THROW(all.perform([](remote_job& job, run_control& control) {
    decltype(all)::pull(job, 2);
    deliver(job, 0, {"1", "1"});
    EXPECT_TRUE(control.broken());
    EXPECT_EQ(decltype(all)::pull(job, 2).status, pull_status::end);
  }),
               std::length_error);
  EXPECT_EQ(handed_over, 1);
}

TEST(pipeline, tasks_and_shapes_that_do_not_fit_are_refused_with_what_would_fit) {
  const auto message = [](const shape& asked, bool coroutine, bool remote) -> std::string {
    try {
      check_shape(asked, coroutine, remote);
    } catch (const std::invalid_argument& refused) {
      return refused.what();
    }
    return "";
  };
  EXPECT_EQ(message(threads(4), false, false), "");
  EXPECT_EQ(message(async(4), true, false), "");
  EXPECT_EQ(message(processes(4), false, true), "");
  EXPECT_THAT(message(processes(4), false, false), HasSubstr("fanout::remote<f>"));
  EXPECT_THAT(message(async(4), false, false), HasSubstr("4 tasks in flight"));
  EXPECT_NO_THROW(check_backend(true));
  EXPECT_THROW(check_backend(false), std::invalid_argument);
}

TEST(pipeline, a_blocking_task_past_its_limit_says_how_long_it_took) {
  options how;
  how.task_timeout = 20ms;
  const run_control control(how);
  const failure late = overran(control, 35ms);
  EXPECT_EQ(late.kind, failure_kind::timeout);
  EXPECT_THAT(late.message, HasSubstr("35 ms"));
  EXPECT_THAT(late.message, HasSubstr("processes:N can stop it"));
}

}  // namespace
}  // namespace fanout::detail
