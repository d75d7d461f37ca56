#pragma once

#include <fanout/core/traits.hpp>

#include <functional>
#include <type_traits>
#include <utility>

/// \file
/// Tasks with state of each lane.
namespace fanout {

/// A function of which each lane of a run calls a copy of its own.
template <class F>
class per_lane_task {
 public:
  static constexpr bool per_lane = true;

  explicit per_lane_task(F function) : function_(std::move(function)) {}

  template <class... Arguments>
    requires std::is_invocable_v<F&, Arguments...>
  decltype(auto) operator()(Arguments&&... arguments) {
    return std::invoke(function_, std::forward<Arguments>(arguments)...);
  }

 private:
  F function_;
};

/// For what tasks of one lane share and those of others must not: a client, a buffer, a generator of random numbers.
///
///     auto sizes = fanout::map(fanout::threads(4), fanout::per_lane([buffer = std::string()](int n) mutable {
///       buffer.assign(n, 'x');
///       return compressed_size(buffer);
///     }), lengths);
///
/// A lane copies the function, as it was given, before its first input, on its own thread. All its tasks call that
/// copy, on that one thread: blocking ones one after the other, coroutines taking turns where they wait. Copies are
/// destroyed when the run ends, on the thread that called it. The task of a worker process is a `remote<f>`, which has
/// state of each lane where the class of its bound first parameter says `static constexpr bool per_lane = true`: that
/// parameter is then made anew for each lane of a worker, and copied for each lane in this process.
template <class F>
auto per_lane(F function) {
  return per_lane_task<F>(std::move(function));
}

}  // namespace fanout
