#pragma once

#include <fanout/core/worker_options.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace fanout::detail {

/// Whether a task whose worker died at it gets another worker. Inputs that were alone in a worker when it died are
/// counted, and go into quarantine after `quarantine_after` deaths. The first few thousand of them are remembered.
///
/// Thread safety: none.
class retry_rules {
 public:
  explicit retry_rules(const worker_options& how) : retries_(how.retries), quarantine_after_(how.quarantine_after) {}

  /// After a death, of which there were `deaths` before; `alone` when its worker was at nothing else. Throws
  /// `std::bad_alloc`.
  bool again(std::uint32_t function, std::string_view input, bool alone, std::uint32_t deaths) {
    const bool held = alone && note(function, input);
    return !held && deaths < retries_;
  }
  bool any_held() const noexcept { return any_held_; }
  /// Whether the input is in quarantine.
  bool holds(std::uint32_t function, std::string_view input) const {
    const auto found = deaths_.find({function, std::string(input)});
    return found != deaths_.end() && found->second >= quarantine_after_;
  }

 private:
  static constexpr std::size_t most_inputs = 4096;

  /// Books a death. Returns whether the input is held from now on.
  bool note(std::uint32_t function, std::string_view input) {
    if (quarantine_after_ == 0 || deaths_.size() >= most_inputs) return false;
    const std::uint32_t deaths = ++deaths_[{function, std::string(input)}];
    if (deaths < quarantine_after_) return false;
    any_held_ = true;
    return true;
  }

  std::uint32_t retries_;
  std::uint32_t quarantine_after_;
  bool any_held_ = false;
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t> deaths_;
};

/// Whether a worker that died is replaced, and when: not for ever, where none begins a task.
///
/// Somebody else may kill a program while it starts, for its memory or by mistake, and let the next one live: such
/// workers are started again for some time, with pauses between. What dies by itself would do so again.
///
/// Thread safety: none.
class restart_rules {
 public:
  using clock = std::chrono::steady_clock;
  static constexpr int most_failed_starts = 3;  ///< in a row, of workers that end by themselves
  static constexpr std::chrono::seconds killed_starts_limit{10};
  /// When the system refuses to start a worker, it is asked again so much later.
  static constexpr std::chrono::milliseconds start_again{200};

  /// Of the signals that end a process, those which it does not cause by itself.
  static bool sent_by_others(int signal) noexcept;

  /// A worker began a task, or got as far as to be idle.
  void began() noexcept { failed_starts_ = killed_starts_ = 0; }
  struct verdict {
    bool give_up = false;
    std::chrono::milliseconds pause{0};  ///< before the next one is started
  };
  /// A worker ended before it began a task.
  verdict failed(bool killed_by_others, clock::time_point now) noexcept;

 private:
  int failed_starts_ = 0;
  int killed_starts_ = 0;                 ///< in a row …
  clock::time_point first_killed_start_;  ///< … since then
  clock::time_point last_killed_start_;
};

}  // namespace fanout::detail
