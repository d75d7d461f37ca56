#pragma once

#include <fanout/core/detail/source_gate.hpp>
#include <fanout/core/source.hpp>

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

/// \file
/// How far a run whose outcomes are handed over in order may be ahead. Not for users: `for_each_in_order` is built from
/// it.
namespace fanout::detail {

/// Counts inputs that were pulled and outcomes that were handed over. While their difference is at its most, nothing
/// more is pulled: whoever wants to waits for a descriptor, as for any source that waits.
///
/// Thread safety: `may_pull` and `pulled` on one thread at a time, and `handed_over` on one; both may be at it at once.
class order_window {
 public:
  /// `source` is the descriptor of the source; negative where it never waits. Throws `std::system_error`.
  order_window(std::uint64_t most, int source) : most_(most), gate_(source) {}

  /// If not, `handle` becomes readable when that changes. What was handed over is gone then.
  bool may_pull() {
    return gate_.may_pull([this] { return pulled_ - handed_over_.load() < most_; });
  }
  void pulled() noexcept { ++pulled_; }
  /// The source itself is not ready: `handle` is readable when it may be.
  void source_waits() noexcept { gate_.source_waits(); }
  void handed_over(std::uint64_t outcomes) {
    handed_over_.store(handed_over_.load(std::memory_order_relaxed) + outcomes);
    gate_.room_made();
  }

  int handle() const noexcept { return gate_.handle(); }

 private:
  const std::uint64_t most_;
  source_gate gate_;
  std::uint64_t pulled_ = 0;
  std::atomic<std::uint64_t> handed_over_{0};
};

/// A source that does not get further ahead than its window.
template <class Puller>
class windowed_source {
 public:
  template <class Source>
  windowed_source(std::uint64_t most, Source&& source)
      : source_(make_puller(std::forward<Source>(source))), window_(most, handle_of(source_)) {}

  auto next() {
    auto item = source_.next();
    if (item) window_.pulled();
    return item;
  }
  bool ready() {
    if (!window_.may_pull()) return false;
    if constexpr (waitable_source<Puller>) {
      if (!source_.ready()) {
        window_.source_waits();
        return false;
      }
    }
    return true;
  }
  int handle() { return window_.handle(); }

  order_window& window() noexcept { return window_; }

 private:
  static int handle_of(Puller& source) {
    if constexpr (waitable_source<Puller>)
      return source.handle();
    else
      return -1;
  }

  Puller source_;
  order_window window_;
};

}  // namespace fanout::detail
