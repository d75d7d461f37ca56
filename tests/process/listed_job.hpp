#pragma once

#include <fanout/core/detail/control.hpp>
#include <fanout/core/detail/remote_job.hpp>
#include <fanout/process/remote.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A run as those who carry its tasks see it: inputs are the numbers below some end, and each has exactly one outcome.
namespace fanout::test {

class listed_job final : public detail::remote_job {
 public:
  /// `on_pull` is called before each input, with how many were pulled.
  template <class Function>
  listed_job(const Function& function, int count, std::chrono::nanoseconds limit = {})
      : function_{std::string(function.name()), function.context()},
        encode_([function](int x, std::string& bytes) { function.encode(x, bytes); }),
        decode_([function](std::string_view bytes) { return function.decode_result(bytes); }),
        coroutine_(Function::coroutine),
        limit_(limit),
        seen_(static_cast<std::size_t>(count)),
        values_(static_cast<std::size_t>(count), -1) {}

  detail::remote_callable function(std::uint32_t) const override { return function_; }
  bool needs_loops() const override { return coroutine_; }
  detail::pull_status pull_encoded(std::uint64_t& index, detail::encoded_values& inputs, detail::task_terms& terms,
                                   std::uint32_t most, std::size_t most_bytes) override {
    terms.limit = limit_;
    index = next_;
    if (!pulling()) return detail::pull_status::end;
    while (inputs.count() < most && inputs.bytes() < most_bytes && next_ < seen_.size()) {
      if (on_pull) on_pull(static_cast<int>(next_));
      encode_(static_cast<int>(next_++), inputs.open());
      EXPECT_TRUE(inputs.close());
    }
    if (inputs.count() > 0) return detail::pull_status::item;
    if (on_end) on_end();
    return detail::pull_status::end;
  }
  int source_handle() override { return -1; }
  void deliver_results(const detail::result_batch& run) override {
    for (std::uint32_t i = 0; i < run.count(); ++i) {
      const auto index = run.facts(i).index;
      ++seen_.at(index);
      values_.at(index) = decode_(run.value(i));
      if (on_outcome) on_outcome(index);
    }
  }
  void deliver_failure(const outcome_facts& facts, failure reason) override {
    ++seen_.at(facts.index);
    failures.push_back(std::move(reason));
    failed_indices.push_back(facts.index);
    if (on_outcome) on_outcome(facts.index);
  }

  int pulled() const noexcept { return static_cast<int>(next_); }
  int value(int index) const { return values_.at(static_cast<std::size_t>(index)); }
  /// Each task that was pulled has one outcome, and no other has any.
  void check() const {
    for (std::size_t i = 0; i < seen_.size(); ++i) EXPECT_EQ(seen_[i], i < next_ ? 1 : 0) << "task " << i;
  }
  void check_at_most_once() const { EXPECT_LE(*std::max_element(seen_.begin(), seen_.end()), 1); }

  std::function<bool()> pulling = [] { return true; };  ///< as the run's control has it
  std::function<void(int)> on_pull;
  std::function<void()> on_end;
  std::function<void(std::uint64_t)> on_outcome;
  std::vector<failure> failures;
  std::vector<std::uint64_t> failed_indices;

 private:
  detail::remote_callable function_;
  std::function<void(int, std::string&)> encode_;
  std::function<int(std::string_view)> decode_;
  bool coroutine_;
  std::chrono::nanoseconds limit_;
  std::vector<int> seen_;
  std::vector<int> values_;
  std::uint64_t next_ = 0;
};

}  // namespace fanout::test
