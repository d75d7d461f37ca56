#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <string_view>
#include <thread>

/// \file
/// Who uses the cores, from what the kernel counts (proc(5)).
namespace fanout::detail {

/// Time that the cores `of` were busy, other machines' share of a virtual one included; `stat` is the text of
/// /proc/stat. Negative where it does not say. `is_ours(n)` tells whether core n counts.
std::chrono::nanoseconds busy_time(std::string_view stat, bool (*is_ours)(std::uint32_t core));

/// How many cores other programs use, measured while this one rests: a server that runs on this machine for the work
/// rests too, and is no disturbance.
class load_meter {
 public:
  void sample();  ///< takes some 20 ms

  /// On average over the samples. 0 where the kernel does not say.
  double cores() const;

 private:
  std::chrono::nanoseconds busy_{0};
  std::chrono::nanoseconds time_{0};
};

/// Time that the cores this process may use were busy since the machine started. Negative where the kernel does not
/// say.
std::chrono::nanoseconds busy_now();

/// Adds up how long the threads of this process and of its children, or of these alone, were ready to run and had no
/// core, from its construction to `stop`. Looks at all of them every few milliseconds from a thread of its own; what a
/// thread waited after the last look is not counted.
class ready_meter {
 public:
  enum class whose { process_and_children, children };
  explicit ready_meter(whose threads = whose::process_and_children);
  ready_meter(const ready_meter&) = delete;
  ready_meter& operator=(const ready_meter&) = delete;
  ~ready_meter();

  /// Negative where the kernel does not say.
  std::chrono::nanoseconds stop();

 private:
  void look();
  void look_at(int process);

  struct seen {
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  whose whose_;
  std::map<int, seen> threads_;  ///< by their ids
  bool known_ = false;
  bool first_look_ = true;
  std::jthread looking_;
};

}  // namespace fanout::detail
