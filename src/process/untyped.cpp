#include <fanout/process/untyped.hpp>

#include "process/worker/served_function.hpp"

#include <utility>

namespace fanout {
namespace {

task<std::string> call_coroutine(std::shared_ptr<detail::served_function> function, std::string_view input) {
  std::string result;
  task<void> work = function->instance(0).call_async(input, result);
  co_await std::move(work);
  co_return result;
}

}  // namespace

template <bool Coroutine>
untyped_function<Coroutine>::untyped_function(std::string name, std::string context)
    : name_(std::move(name)),
      context_(std::make_shared<const std::string>(std::move(context))),
      function_(std::make_shared<detail::served_function>(name_, *context_)) {}

template <bool Coroutine>
untyped_function<Coroutine>::untyped_function(const untyped_function& other)
    : name_(other.name_),
      context_(other.context_),
      function_(std::make_shared<detail::served_function>(name_, *context_)) {}

template <bool Coroutine>
std::conditional_t<Coroutine, task<std::string>, std::string> untyped_function<Coroutine>::operator()(
    std::string_view input) const {
  if constexpr (Coroutine) {
    return call_coroutine(function_, input);
  } else {
    std::string result;
    function_->instance(0).call(input, result);
    return result;
  }
}

template class untyped_function<false>;
template class untyped_function<true>;

}  // namespace fanout
