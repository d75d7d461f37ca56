#pragma once

#include <fanout/base/task.hpp>
#include <fanout/process/remote.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

/// \file
/// Remote functions by name, with inputs and results as bytes: for a program that learns at run time what it is to run,
/// such as a node, or a module of another language.
///
///     const auto task = fanout::untyped(fanout::remote<measure>);            // or from a name and a context
///     std::vector<std::string> inputs = …;                                   // what remote<measure>.encode appends
///     fanout::run(fanout::threads(4), task, inputs,
///                 [](fanout::outcome<std::string> out) { … });               // remote<measure>.decode_result reads it
namespace fanout {

namespace detail {
class served_function;
}

/// The remote function of a name, bound to its encoded context. A task of `run` for every shape: blocking or, with
/// `Coroutine`, a coroutine, which has to be what the function is. Inputs are anything that converts to a
/// `std::string_view` of the encoded input; the result is encoded. The context is decoded by the first task that runs
/// in this process; if it cannot be, each task fails with the reason. Each lane of a run calls a copy of its own, which
/// decodes the context anew, as its first parameter may be one for each lane (core/per_lane.hpp).
///
/// Thread safety: one thread at a time for one object.
template <bool Coroutine>
class untyped_function {
 public:
  using result_type = std::string;
  static constexpr bool coroutine = Coroutine;
  static constexpr bool per_lane = true;

  untyped_function(std::string name, std::string context);
  untyped_function(const untyped_function& other);
  untyped_function(untyped_function&& other) noexcept = default;

  std::string_view name() const noexcept { return name_; }
  std::string context() const { return *context_; }
  void encode(std::string_view input, std::string& bytes) const { bytes += input; }
  void encode_result(std::string_view result, std::string& bytes) const { bytes += result; }
  static std::string decode_result(std::string_view bytes) { return std::string(bytes); }

  /// Calls the function here. A coroutine's input has to stay until it ends. Throws what the function throws, and
  /// `std::logic_error` where this program has no such function.
  std::conditional_t<Coroutine, task<std::string>, std::string> operator()(std::string_view input) const;

 private:
  std::string name_;
  std::shared_ptr<const std::string> context_;
  std::shared_ptr<detail::served_function> function_;
};

extern template class untyped_function<false>;
extern template class untyped_function<true>;

/// The same function without its types.
template <detail::any_remote Function>
auto untyped(const Function& function) {
  return untyped_function<Function::coroutine>(std::string(function.name()), function.context());
}

}  // namespace fanout
