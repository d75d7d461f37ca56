#pragma once

#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/outcome.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fanout::detail {

/// Inputs with consecutive indices that are on their way to a node.
struct input_batch {
  std::uint64_t first_index = 0;
  encoded_values inputs;
  std::uint32_t attempt = 1;  ///< which this is, for each of them
};

/// The tasks that were sent to a node and have no outcome.
///
/// Thread safety: none.
class sent_batches {
 public:
  using time_point = outcome_facts::clock::time_point;
  /// A task without an outcome.
  struct open_task {
    std::uint64_t index = 0;
    std::uint32_t attempt = 1;
    time_point sent;
  };

  /// With `kept`, the inputs stay, to be sent once more.
  void add(std::uint64_t first_index, std::uint32_t count, std::size_t bytes, std::uint32_t attempt, time_point now,
           std::optional<encoded_values> kept);
  /// The task has its outcome. Empty where it is not one of these.
  std::optional<open_task> finish(std::uint64_t index);

  std::uint64_t count() const noexcept { return count_; }
  /// Of the inputs; they count until all of their batch have outcomes.
  std::size_t bytes() const noexcept { return bytes_; }

  /// Takes all out: those that were kept and have been tried at most `retries` times go to `again`, the others to
  /// `without`.
  void take_open(std::uint32_t retries, std::vector<input_batch>& again, std::vector<open_task>& without);

 private:
  struct batch {
    std::uint32_t unfinished = 0;
    std::uint32_t attempt = 1;
    std::size_t bytes = 0;
    time_point sent;
    std::vector<bool> finished;
    std::optional<encoded_values> kept;
  };

  std::map<std::uint64_t, batch> batches_;  ///< by the first index
  std::uint64_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace fanout::detail
