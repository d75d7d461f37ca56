#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/process/codec.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

/// \file
/// Exceptions with a value that travels.
///
/// Of what a task throws in a worker process or on another machine, the kind, the message, the type's name and the
/// place come back, in a `fanout::error`. An `error_with` comes back as it is:
///
///     struct quota {
///       std::string account;
///       int seconds;
///       template <class Archive> void serialize(Archive& archive) { archive(account, seconds); }
///     };
///
///     page fetch(const std::string& url) {
///       throw fanout::error_with(quota{"me", 30}, "the quota is used up");
///     }
///
///     try {
///       fanout::map(fanout::processes(4), fanout::remote<fetch>, urls);
///     } catch (const fanout::error_with<quota>& why) {
///       wait(why.value().seconds);
///     }
///
/// In outcomes it is in the failure: `fanout::carried<quota>(out.error())`.
namespace fanout {

namespace detail {

/// What is the same for values of all types.
class travelling_error : public error {
 public:
  using error::error;
  /// As `error_entry` has it.
  virtual const char* type() const noexcept = 0;
  virtual void encode(std::string& bytes) const = 0;
};

/// Makes a type of values known, before `main` or while its library is loaded: what arrives is a name and bytes. Two
/// types of one name, in unnamed namespaces of two files, are both left out.
///
/// Thread safety: all may be called from any thread.
class error_entry {
 public:
  using maker = std::exception_ptr (*)(failure arrived, std::string_view bytes);

  error_entry(const char* type, maker made_by);
  error_entry(const error_entry&) = delete;
  error_entry& operator=(const error_entry&) = delete;
  ~error_entry();

  const char* type() const noexcept { return type_; }

 private:
  friend void restore_error(failure& arrived, std::string_view type, std::string_view bytes);

  const char* const type_;
  const maker make_;
};

/// The value that an exception carries, on its way.
struct carried_value {
  std::string type;  ///< empty: none
  std::string bytes;
};
/// A value beyond this stays where it is.
inline constexpr std::size_t max_carried_bytes = std::size_t{1} << 20;
/// What the exception of `reason` carries, if that travels. Does not throw what encoding it throws.
carried_value carried_by(const failure& reason);
/// Gives `arrived` the exception with the value. Leaves it without where this program does not know the type, or the
/// bytes are not those of one.
void restore_error(failure& arrived, std::string_view type, std::string_view bytes);

}  // namespace detail

/// An error with a value: of any type that can travel (codec.hpp), with a default constructor. It is thrown again as
/// what it is by all that throw a task's failure (`map`, `outcome::value`, `process_future::get`, `to_process`),
/// whether the task ran here, in a worker process or on a node. Types that derive from it arrive as `error_with`.
///
/// A value of more than 1 MiB, or that cannot be encoded, stays behind: the rest arrives as a `fanout::error`.
///
/// Thread safety: as any exception: read by many at once.
template <class T>
class error_with : public detail::travelling_error {
 public:
  error_with(T value, std::string message, failure_kind kind = failure_kind::task_failed)
      : error_with(std::move(value), fanout::failure{.kind = kind, .message = std::move(message)}) {}
  error_with(T value, fanout::failure what_failed)
      : travelling_error(std::move(what_failed)), value_(std::make_shared<const T>(std::move(value))) {
    static_cast<void>(&entry);  // it is known where it can be thrown
  }

  const T& value() const noexcept { return *value_; }

  const char* type() const noexcept override { return entry.type(); }
  void encode(std::string& bytes) const override { detail::encode_value(*value_, bytes); }

 private:
  static std::exception_ptr arrived(fanout::failure what_failed, std::string_view bytes) {
    return std::make_exception_ptr(error_with(detail::decode_value<T>(bytes), std::move(what_failed)));
  }
  static inline const detail::error_entry entry{typeid(T).name(), &arrived};

  std::shared_ptr<const T> value_;  // copies of an exception must not throw
};

/// The value of the exception of a failed task, if that is an `error_with` of the type.
template <class T>
std::optional<T> carried(const failure& of) {
  static_assert(detail::serializable<T>, "only a value that can travel is carried by an error_with");
  if (!of.exception) return std::nullopt;
  try {
    std::rethrow_exception(of.exception);
  } catch (const error_with<T>& found) {
    return found.value();
  } catch (...) {
    return std::nullopt;
  }
}

}  // namespace fanout
