#pragma once

#include <fanout/base/failure.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// What became of one task.
namespace fanout {

/// What surrounds the value or failure of a task: which one it was, where and when it ran.
struct outcome_facts {
  using clock = std::chrono::steady_clock;

  std::uint64_t index = 0;     ///< position of the input in its source, from 0
  std::uint32_t lane = 0;      ///< the lane it ran on, numbered over all processes of the run
  clock::time_point started;   ///< steady clock, comparable between the processes of one machine
  clock::time_point finished;  ///< as `started`
  std::chrono::nanoseconds cpu{
      -1};  ///< CPU time it used; negative where tasks share a lane and it cannot be told apart

  std::chrono::nanoseconds elapsed() const noexcept { return finished - started; }
};

/// The value of a task, or its failure. A task that returns nothing has `std::monostate` as its value.
/// Movable; as thread-safe as `T`.
template <class T>
class outcome : public outcome_facts {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  bool ok() const noexcept { return result_.index() == 1; }
  explicit operator bool() const noexcept { return ok(); }

  /// Throw `std::bad_variant_access` when there is none.
  value_type& value() & { return std::get<1>(result_); }
  const value_type& value() const& { return std::get<1>(result_); }
  value_type&& value() && { return std::get<1>(std::move(result_)); }

  /// The failure. Throws `std::bad_variant_access` when the task succeeded.
  const fanout::failure& error() const { return std::get<2>(result_); }
  fanout::failure& error() { return std::get<2>(result_); }

  /// The value, or the failure thrown: the very exception of the task where it ran in this process, else
  /// `fanout::error`.
  value_type&& value_or_throw() && {
    if (!ok()) throw_failure(error());
    return std::move(*this).value();
  }

  template <class... Arguments>
  void succeed(Arguments&&... arguments) {
    result_.template emplace<1>(std::forward<Arguments>(arguments)...);
  }
  void fail(fanout::failure reason) { result_.template emplace<2>(std::move(reason)); }

  [[noreturn]] static void throw_failure(const fanout::failure& reason) {
    if (reason.exception) std::rethrow_exception(reason.exception);
    throw fanout::error(reason);
  }

 private:
  std::variant<std::monostate, value_type, fanout::failure> result_;
};

}  // namespace fanout
