#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// What became of one task: its value or what it threw.
namespace fanout {

/// The value of a task that has ended, or its exception; `std::monostate` stands for the value of a `task<void>`.
/// Thread safety: as any value.
template <class T>
class settled {
 public:
  using value_type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

  /// Neither, for containers and the like; `value` throws `std::logic_error`.
  settled() = default;
  /// With no value, `failed` must not be null.
  settled(std::optional<value_type> value, std::exception_ptr failed)
      : value_(std::move(value)), failed_(std::move(failed)) {}

  [[nodiscard]] bool ok() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return ok(); }

  /// The value; throws what the task threw.
  value_type& value() & {
    check();
    return *value_;
  }
  const value_type& value() const& {
    check();
    return *value_;
  }
  value_type&& value() && {
    check();
    return std::move(*value_);
  }
  /// What the task threw; null if it has a value.
  const std::exception_ptr& exception() const noexcept { return failed_; }

 private:
  void check() const {
    if (value_) return;
    if (!failed_) throw std::logic_error("this has not been settled");
    std::rethrow_exception(failed_);
  }

  std::optional<value_type> value_;
  std::exception_ptr failed_;
};

}  // namespace fanout
