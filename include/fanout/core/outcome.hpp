#pragma once

#include <fanout/base/failure.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <stdexcept>
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

namespace detail {
struct outcome_access;
}

/// The value of a task, or its failure; `std::monostate` stands for the value of a task that returns nothing.
/// Movable; as thread-safe as `T`.
///
///     for (const fanout::outcome<page>& got : fanout::map_outcomes(fanout::async(64), fetch, urls))
///       if (!got) std::cerr << got.error().message << '\n';
///
/// (`settled`, of `gather`, is not one: a coroutine among others on one loop is not measured, so it has no facts, and
/// what it threw is kept as it is.)
template <class T>
class outcome : public outcome_facts {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  [[nodiscard]] bool ok() const noexcept { return result_.index() == 1; }
  explicit operator bool() const noexcept { return ok(); }

  /// The value. Throws the failure where there is one: the very exception of the task where it ran in this process, and
  /// a `fanout::error` otherwise.
  value_type& value() & {
    check();
    return *std::get_if<1>(&result_);
  }
  const value_type& value() const& {
    check();
    return *std::get_if<1>(&result_);
  }
  value_type&& value() && {
    check();
    return std::move(*std::get_if<1>(&result_));
  }

  /// The failure. Throws `std::logic_error` when the task succeeded.
  const fanout::failure& error() const {
    if (const auto* failed = std::get_if<2>(&result_)) return *failed;
    throw std::logic_error("error() of an outcome that is a value");
  }
  fanout::failure& error() { return const_cast<fanout::failure&>(std::as_const(*this).error()); }

 private:
  friend struct detail::outcome_access;

  void check() const {
    if (!ok()) throw_failure();
  }
  [[noreturn]] void throw_failure() const {
    const auto* failed = std::get_if<2>(&result_);
    if (!failed) throw std::logic_error("value() of an outcome that no task has had");
    detail::throw_failure(*failed);
  }

  std::variant<std::monostate, value_type, fanout::failure> result_;
};

namespace detail {

/// Sets what became of a task, for who runs it.
struct outcome_access {
  template <class T, class... Arguments>
  static void succeed(outcome<T>& out, Arguments&&... arguments) {
    out.result_.template emplace<1>(std::forward<Arguments>(arguments)...);
  }
  template <class T>
  static void fail(outcome<T>& out, failure reason) {
    out.result_.template emplace<2>(std::move(reason));
  }
};

}  // namespace detail

}  // namespace fanout
