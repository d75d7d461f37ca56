#pragma once

#include <fanout/core/traits.hpp>
#include <fanout/process/codec.hpp>
#include <fanout/process/detail/signature.hpp>

#include <type_traits>

/// \file
/// Which functions can be called from another process. Not for users: `remote<f>` is built from it.
namespace fanout::detail {

/// Whether a value of its own can be given to a parameter: what is written to a reference goes nowhere.
template <class P>
inline constexpr bool takes_values = !std::is_volatile_v<std::remove_reference_t<P>> &&
                                     (!std::is_lvalue_reference_v<P> || std::is_const_v<std::remove_reference_t<P>>);
/// Several calls share the first parameter when it is bound.
template <class P>
inline constexpr bool takes_shared = takes_values<P> && !std::is_rvalue_reference_v<P>;

template <class... P>
consteval bool all_take_values(type_list<P...>) {
  return (takes_values<P> && ...);
}
template <class... P>
consteval bool all_serializable(type_list<P...>) {
  return (serializable<std::remove_cvref_t<P>> && ...);
}
template <class... P>
consteval bool any_pointer(type_list<P...>) {
  return (std::is_pointer_v<std::remove_cvref_t<P>> || ...);
}

/// What a function takes and returns. Says in one sentence why it cannot be called from another process.
template <auto F>
struct remote_traits {
  using function_type = std::remove_cv_t<decltype(F)>;
  using parts = signature<function_type>;
  using parameters = typename parts::parameters;
  using first = typename first_of<parameters>::type;
  using others = typename without_first<parameters>::type;
  using result = std::remove_cvref_t<typename awaited<typename parts::returned>::type>;
  static constexpr bool coroutine = awaited<typename parts::returned>::coroutine;

  static_assert(parts::known,
                "remote<f> takes a function, a member, or a closure without captures, and none with C varargs or that "
                "is volatile");
  static constexpr bool takes_copies = all_take_values(others{}) && (std::is_member_pointer_v<function_type> ||
                                                                     std::is_void_v<first> || takes_values<first>);
  static_assert(takes_copies,
                "a parameter of this remote function is a reference that it could write to, and what it writes there "
                "stays in the other process: take the value, or a const reference, and return what is new");
  static constexpr bool first_serializable = serializable<std::remove_cvref_t<first>>;
  static constexpr bool others_serializable = all_serializable(others{});
  static constexpr bool result_serializable = serializable<result>;
  static constexpr bool one_parameter = std::is_same_v<others, type_list<>>;
  static_assert(first_serializable || !one_parameter || std::is_pointer_v<std::remove_cvref_t<first>>,
                "the input of this remote function cannot travel to another process: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }, or a free "
                "serialize(Archive&, T&), or a pair of save and load: one of these, and a default constructor");
  static_assert(first_serializable || one_parameter || std::is_pointer_v<std::remove_cvref_t<first>>,
                "the first parameter of this remote function cannot travel to another process: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }, or a free "
                "serialize(Archive&, T&), or a pair of save and load: one of these, and a default constructor");
  static_assert(others_serializable || any_pointer(others{}),
                "a parameter of this remote function cannot travel to another process: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }, or a free "
                "serialize(Archive&, T&), or a pair of save and load: one of these, and a default constructor");
  static_assert(result_serializable || std::is_pointer_v<result> || is_borrowed<result>,
                "the result of this remote function cannot travel between processes: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }, or a free "
                "serialize(Archive&, T&), or a pair of save and load: one of these, and a default constructor");
  static_assert(
      !any_pointer(parameters{}) && !std::is_pointer_v<result>,
      "a pointer means nothing in another process: let this remote function take and return values, such as a "
      "std::string, a std::vector or a std::unique_ptr");
  static_assert(!is_borrowed<result>,
                "the result of a remote function has to own what it refers to: a std::string or a "
                "std::vector<std::byte>");
  /// Whether nothing was said above; else nothing more is, about what would follow from it.
  static constexpr bool usable = parts::known && takes_copies && first_serializable && others_serializable &&
                                 result_serializable && !std::is_pointer_v<result> && !is_borrowed<result>;
};

}  // namespace fanout::detail
