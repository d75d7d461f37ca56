// Inputs that cannot be encoded: each is one failure, and its neighbours go their way.

#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/fanout.hpp>

#include "support/failing_calls.hpp"
#include "support/leaks.hpp"
#include "support/run_to_end.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <new>
#include <numeric>
#include <ranges>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace not_encoded_inputs {

using namespace fanout;
using test::run_to_end;
using testing::Each;
using testing::HasSubstr;

struct no_ink : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Where encoding or decoding goes wrong.
enum class flaw { none, save, save_of_memory, save_of_own_kind, load };

struct letter {
  int number = 0;
  flaw wrong = flaw::none;
  template <class Archive>
  void save(Archive& archive) const {
    archive(number);  // what was written before it threw is forgotten
    if (wrong == flaw::save) throw no_ink("no ink for " + std::to_string(number));
    if (wrong == flaw::save_of_memory) throw std::bad_alloc();
    if (wrong == flaw::save_of_own_kind) throw error(failure_kind::invalid_request, "unreadable");
    archive(wrong);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(number, wrong);
    if (wrong == flaw::load) throw no_ink("washed out");
  }
};

int number_of(const letter& one) {
  return one.number;
}
int number_plus(int more, const letter& one) {
  return more + one.number;
}
int number_of_both(const letter& one, int other) {
  return one.number * 1000 + other;
}
task<int> number_of_async(const letter& one) {
  co_return one.number;
}
letter written(int number) {
  return {number, number % 7 == 3 ? flaw::save : flaw::none};
}

/// A number, after a fashion: it is pulled and encoded together with others.
struct reading {
  int value = 0;
  operator int() const {  // NOLINT(google-explicit-constructor): that is what makes it one
    if (value % 100 == 50) throw no_ink("no reading " + std::to_string(value));
    return value;
  }
};
int incremented(int x) {
  return x + 1;
}

constexpr int count = 1'000;

bool flawed(int number) {
  return number % 7 == 3;
}
std::vector<letter> letters(flaw wrong) {
  std::vector<letter> all;
  all.reserve(count);
  for (int number = 0; number < count; ++number) all.push_back({number, flawed(number) ? wrong : flaw::none});
  return all;
}

void expect_failure(const failure& reason, flaw wrong, int number) {
  switch (wrong) {
    case flaw::save:
      EXPECT_EQ(reason.kind, failure_kind::task_failed);
      EXPECT_EQ(reason.type, "not_encoded_inputs::no_ink");
      EXPECT_EQ(reason.message, "no ink for " + std::to_string(number));
      return;
    case flaw::save_of_memory:
      EXPECT_EQ(reason.kind, failure_kind::task_failed);
      EXPECT_EQ(reason.type, "std::bad_alloc");
      return;
    case flaw::save_of_own_kind:
      EXPECT_EQ(reason.kind, failure_kind::invalid_request);
      EXPECT_EQ(reason.message, "unreadable");
      return;
    case flaw::load:
      EXPECT_EQ(reason.kind, failure_kind::task_failed);
      EXPECT_EQ(reason.message, "washed out");
      return;
    case flaw::none:
      FAIL() << reason.message;
  }
}

/// Exactly one outcome for each, and the right one.
class expected_outcomes {
 public:
  explicit expected_outcomes(flaw wrong, int more = 0) : wrong_(wrong), more_(more) {}

  void operator()(const outcome<int>& out) {
    const int number = static_cast<int>(out.index);
    ++seen_.at(out.index);
    ASSERT_EQ(out.ok(), !flawed(number)) << number << ": " << (out.ok() ? "" : out.error().message);
    if (out.ok())
      EXPECT_EQ(out.value(), more_ + number);
    else
      expect_failure(out.error(), wrong_, number);
  }
  void check(const report& cost) {
    EXPECT_THAT(seen_, Each(1));
    EXPECT_EQ(cost.tasks, count);
    EXPECT_EQ(cost.failures, static_cast<std::uint64_t>(std::ranges::count_if(std::views::iota(0, count), flawed)));
    EXPECT_FALSE(cost.stopped);
  }

 private:
  flaw wrong_;
  int more_;
  std::vector<int> seen_ = std::vector<int>(count);
};

options collecting(const shape& where) {
  options how(where);
  how.on_error = on_error::collect;
  return how;
}

class not_encoded : public test::leak_checked, public testing::WithParamInterface<flaw> {};
std::string name_of(const testing::TestParamInfo<flaw>& info) {
  switch (info.param) {
    case flaw::save:
      return "save";
    case flaw::save_of_memory:
      return "save_of_memory";
    case flaw::save_of_own_kind:
      return "save_of_own_kind";
    case flaw::load:
      return "load";
    case flaw::none:
      break;
  }
  return "none";
}
INSTANTIATE_TEST_SUITE_P(by, not_encoded,
                         testing::Values(flaw::save, flaw::save_of_memory, flaw::save_of_own_kind, flaw::load),
                         name_of);

TEST_P(not_encoded, is_one_failure_under_each_shape) {
  const auto all = letters(GetParam());
  for (const shape& where : {processes(1), processes(3), grid(2, 2, 1)}) {
    expected_outcomes plain(GetParam());
    plain.check(for_each_completed(collecting(where), remote<number_of>, all, std::ref(plain)));
    expected_outcomes ordered(GetParam());
    ordered.check(for_each_in_order(collecting(where), remote<number_of>, all, std::ref(ordered)));
    expected_outcomes bound(GetParam(), 5);
    bound.check(for_each_completed(collecting(where), remote<number_plus>.with(5), all, std::ref(bound)));
  }
  for (const shape& where : {grid(2, 1, 3), grid(2, 2, 4)}) {
    expected_outcomes plain(GetParam());
    plain.check(for_each_completed(collecting(where), remote<number_of_async>, all, std::ref(plain)));
  }
}

TEST_P(not_encoded, is_one_failure_on_a_pool) {
  const auto all = letters(GetParam());
  process_pool pool({.processes = 2});
  for (int again = 0; again < 2; ++again) {
    expected_outcomes plain(GetParam());
    plain.check(pool.for_each_completed(remote<number_of>, all, std::ref(plain), collecting(fanout::sync())));
    expected_outcomes ordered(GetParam());
    ordered.check(pool.for_each_in_order(remote<number_of>, all, std::ref(ordered), collecting(fanout::sync())));
  }
}

TEST_P(not_encoded, comes_to_the_sink_with_its_outcome) {
  const auto all = letters(GetParam());
  expected_outcomes expected(GetParam());
  const auto sink = [&](const outcome<int>& out, const letter& input) {
    EXPECT_EQ(input.number, static_cast<int>(out.index));
    expected(out);
  };
  expected.check(run(collecting(processes(2)), remote<number_of>, all, sink));
}

TEST_P(not_encoded, is_what_a_single_call_throws) {
  process_pool pool({.processes = 1});
  const letter bad{3, GetParam()};
  const auto expect_thrown = [&](auto call) {
    try {
      call();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const error& thrown) {
      expect_failure(thrown.failure(), GetParam(), 3);
    }
  };
  const auto await = [](auto made) { run_to_end(std::move(made)); };
  const process_future<int> refused = pool.submit(remote<number_of>, bad);
  const process_future<int> good = pool.submit(remote<number_of>, letter{4});
  expect_thrown([&] { refused.get(); });
  EXPECT_EQ(good.get(), 4);
  expect_thrown([&] { pool.submit(remote<number_of_both>, bad, 2).get(); });
  expect_thrown([&] { pool.submit(remote<number_plus>.with(1), bad).get(); });
  expect_thrown([&] { pool.call(remote<number_of>, bad); });
  EXPECT_EQ(pool.call(remote<number_of>, letter{5}), 5);
  expect_thrown([&] { pool.call(remote<number_of>, bad); });  // to a worker that is idle
  expect_thrown([&] { await(to_process(remote<number_of>, bad)); });
  expect_thrown([&] { await(to_process(pool, remote<number_of>, bad)); });
  EXPECT_EQ(run_to_end(to_process(pool, remote<number_of>, letter{6})), 6);
  expect_thrown([&] { pool.map(remote<number_of>, {bad}); });
}

TEST_P(not_encoded, ends_a_run_that_fails_fast) {
  std::vector<int> seen(count);
  options how(processes(2));
  const auto all = letters(GetParam());
  const report cost = for_each_completed(how, remote<number_of>, all, [&](const outcome<int>& out) {
    ++seen.at(out.index);
    EXPECT_FALSE(out.ok() && flawed(static_cast<int>(out.index)));
  });
  EXPECT_TRUE(cost.stopped);
  EXPECT_GE(cost.failures, 1U);
  EXPECT_EQ(static_cast<std::uint64_t>(std::accumulate(seen.begin(), seen.end(), 0)), cost.tasks);
  EXPECT_LT(cost.tasks, std::uint64_t{count});
  EXPECT_EQ(std::accumulate(seen.begin(), seen.begin() + static_cast<int>(cost.tasks), 0),
            static_cast<int>(cost.tasks));  // each at most once, without a gap
}

using not_encoded_numbers = test::leak_checked;

TEST_F(not_encoded_numbers, are_one_failure_each_among_those_sent_with_them) {
  const auto all = std::views::iota(0, 3'000) | std::views::transform([](int x) { return reading{x}; });
  for (const shape& where : {processes(1), processes(2), grid(2, 2, 1)}) {
    std::vector<int> seen(3'000);
    const report cost = for_each_completed(collecting(where), remote<incremented>, all, [&](const outcome<int>& out) {
      const int number = static_cast<int>(out.index);
      ++seen.at(out.index);
      ASSERT_EQ(out.ok(), number % 100 != 50) << number;
      if (out.ok())
        EXPECT_EQ(out.value(), number + 1);
      else
        EXPECT_EQ(out.error().message, "no reading " + std::to_string(number));
    });
    EXPECT_THAT(seen, Each(1));
    EXPECT_EQ(cost.failures, 30U);
  }
}

TEST_F(not_encoded_numbers, and_results_fail_alike) {
  std::vector<int> seen(count);
  const auto sink = [&](const outcome<letter>& out) {
    ++seen.at(out.index);
    ASSERT_EQ(out.ok(), !flawed(static_cast<int>(out.index)));
    if (!out.ok()) expect_failure(out.error(), flaw::save, static_cast<int>(out.index));
  };
  for_each_completed(collecting(processes(2)), remote<written>, std::views::iota(0, count), sink);
  EXPECT_THAT(seen, Each(1));
}

/// Carries tasks nowhere: pulls all there are, on another thread, and gives each the outcome of one that was cancelled.
class nowhere final : public detail::worker_backend {
 public:
  void run(detail::run_control& control, detail::remote_job& job, const shape&, report&) override {
    std::thread([&] {
      for (;;) {
        std::uint64_t first = 0;
        detail::encoded_values inputs;
        detail::task_terms terms;
        if (job.pull_encoded(first, inputs, terms, 700, 1 << 20) != detail::pull_status::item) break;
        EXPECT_GT(inputs.count(), 0U);
        for (std::uint32_t i = 0; i < inputs.count(); ++i) {
          EXPECT_EQ(detail::decode_value<int>(inputs[i]), static_cast<int>(first + i));
          outcome_facts facts;
          facts.index = first + i;
          job.deliver_failure(facts, control.cancelled());
        }
      }
    }).join();
  }
};

TEST_F(not_encoded_numbers, of_which_there_is_no_memory_for_a_chunk_have_one_outcome_each) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer has its own allocator";
  int failures = 0;
  for (int succeeding = 0; succeeding < 1'000; ++succeeding) {
    nowhere backend;
    options how = collecting(processes(1));
    how.backend = fanout::backend(backend);
    std::vector<int> seen(2'000);
    const test::failing_allocation fails(1'000, succeeding);  // of at least that many bytes: what holds chunks
    run(how, remote<incremented>, std::views::iota(0, 2'000), [&](const outcome<int>& out) {
      ++seen.at(out.index);
      if (!out.ok() && out.error().kind != failure_kind::cancelled) {
        ++failures;
        EXPECT_EQ(out.error().type, "std::bad_alloc") << out.error().message;
      }
    });
    EXPECT_THAT(seen, Each(1)) << succeeding;
    if (!fails.failed()) break;
  }
  EXPECT_GT(failures, 0);
}

}  // namespace not_encoded_inputs
