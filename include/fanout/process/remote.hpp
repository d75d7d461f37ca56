#pragma once

#include <fanout/base/task.hpp>
#include <fanout/core/detail/encoded_values.hpp>
#include <fanout/core/traits.hpp>
#include <fanout/core/worker_options.hpp>
#include <fanout/process/codec.hpp>
#include <fanout/process/detail/registry.hpp>
#include <fanout/process/detail/remote_traits.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

/// \file
/// Functions that can run in another process.
///
///     std::string fetch(const std::string& url);
///     auto pages = fanout::map(fanout::processes(5), fanout::remote<fetch>, urls);
///
/// A worker process is this program, started again, so a function is found there by its name; a closure has none,
/// unless it has no captures. A function of several parameters takes inputs that are pairs or tuples, one of a single
/// parameter takes them whole:
///
///     double distance(point from, point to);
///     std::vector<std::pair<point, point>> ways;
///     auto lengths = fanout::map(fanout::processes(5), fanout::remote<distance>, ways);
///     pool.submit(fanout::remote<distance>, here, there);
///
/// What is the same for all inputs is the first parameter, bound, and sent to each worker once:
///
///     page fetch(const settings& how, const std::string& url);
///     fanout::map(fanout::processes(5), fanout::remote<fetch>.with(my_settings), urls);
///
/// Each lane of a worker has a first parameter of its own where its class says `static constexpr bool per_lane = true`:
/// for a client or a buffer that its tasks share (core/per_lane.hpp).
///
/// The object of a member function is its first parameter: `fanout::remote<&account::balance>`.
namespace fanout {

namespace detail {

/// Not an alias of a type, which GCC would explain in the text.
template <class Type, Type F>
constexpr const char* function_text() {
  return __PRETTY_FUNCTION__;
}

/// What the compiler calls F, with its type: "Type = int (*)(int); Type F = parse".
template <auto F>
constexpr std::string_view function_name() {
  const std::string_view text = function_text<decltype(F), F>();
  const auto begin = text.find("Type = ");
  return begin == text.npos ? text : text.substr(begin, text.size() - begin - 1);
}

/// The parameters that get an input: all, or those after the first, where that one is bound.
template <auto F, bool Bound>
using input_parameters =
    std::conditional_t<Bound, typename remote_traits<F>::others, typename remote_traits<F>::parameters>;
template <auto F>
using context_of = std::remove_cvref_t<typename remote_traits<F>::first>;

struct no_context {};

/// Whether several calls can share the first parameter, which is kept.
template <auto F>
inline constexpr bool can_be_bound = !is_borrowed<context_of<F>> && takes_shared<typename remote_traits<F>::first>;

/// Whether each lane has a first parameter of its own, once it is bound.
template <auto F, bool Bound>
inline constexpr bool bound_per_lane = [] {
  if constexpr (Bound)
    return is_per_lane_task<context_of<F>>;
  else
    return false;
}();

/// Says what is wrong with a first parameter that is to be bound to such a value; false then.
template <auto F, class Context>
consteval bool check_binding() {
  using first = typename remote_traits<F>::first;
  constexpr bool usable = remote_traits<F>::usable;
  constexpr bool owns = !is_borrowed<context_of<F>>;
  constexpr bool shared = takes_shared<first> || std::is_void_v<first>;
  constexpr bool fits = std::is_convertible_v<Context, context_of<F>> || std::is_void_v<first>;
  static_assert(!std::is_void_v<first> || !usable, "this remote function has no parameter that could be bound");
  static_assert(owns || !usable,
                "a first parameter that is bound has to own what it refers to: a std::string or a "
                "std::vector<std::byte>");
  static_assert(shared || !usable,
                "a first parameter that is bound is shared by all calls of a worker: take it by value or by const "
                "reference, or let the member function be const");
  static_assert(fits || !usable, "the value to be bound is not what the first parameter of this remote function takes");
  return fits && !std::is_void_v<first>;
}

/// F in a worker: bytes in, bytes out.
/// Its type is an argument, too, here and below: under GCC 12 a member of a class in an unnamed namespace does not by
/// itself make a template one of this file.
template <auto F, bool Bound, class Type = decltype(F), class Parameters = input_parameters<F, Bound>>
class remote_callee;
template <auto F, bool Bound, class Type, class... P>
class remote_callee<F, Bound, Type, type_list<P...>> final : public remote_instance {
  using traits = remote_traits<F>;
  using result = typename traits::result;
  using arguments = std::tuple<std::remove_cvref_t<P>...>;

 public:
  explicit remote_callee(std::string_view context) : context_(decode_context(context)) {}

  bool coroutine() const noexcept override { return traits::coroutine; }
  bool per_lane() const noexcept override { return bound_per_lane<F, Bound>; }

  void call(std::string_view argument, std::string& encoded) override {
    if constexpr (!traits::coroutine) {
      arguments held = decode_arguments<std::remove_cvref_t<P>...>(argument);
      if constexpr (std::is_void_v<result>)
        invoke(held);
      else
        encode_value<result>(invoke(held), encoded);
    }
  }

  task<void> call_async(std::string_view argument, std::string& encoded) override {
    if constexpr (traits::coroutine) {
      arguments held = decode_arguments<std::remove_cvref_t<P>...>(argument);
      auto work = invoke(held);
      if constexpr (std::is_void_v<result>) {
        co_await std::move(work);
      } else {
        result value = co_await std::move(work);
        encode_value(value, encoded);
      }
    }
    co_return;
  }

 private:
  static auto decode_context([[maybe_unused]] std::string_view context) {
    if constexpr (Bound)
      return decode_value<context_of<F>>(context);
    else
      return no_context{};
  }

  decltype(auto) invoke(arguments& held) {
    return std::apply(
        [&](auto&... values) -> decltype(auto) {
          if constexpr (Bound)
            return std::invoke(F, std::as_const(context_), static_cast<passed_t<P>>(values)...);
          else
            return std::invoke(F, static_cast<passed_t<P>>(values)...);
        },
        held);
  }

  typename std::conditional_t<Bound, std::type_identity<context_of<F>>, std::type_identity<no_context>>::type context_;
};

/// Makes F known in every process of this program, before `main`.
template <auto F, bool Bound, class Type = decltype(F)>
struct remote_registration {
  static std::unique_ptr<remote_instance> make(std::string_view context) {
    return std::make_unique<remote_callee<F, Bound>>(context);
  }
  static inline const remote_entry entry{function_name<F>(), &make};
};

/// In place of the options of a call.
struct options_last {};
/// Lets a template deduce what is to be given to `Function`, in full: GCC 12 deduces nothing where a pack is not the
/// last.
template <class Function, class... Given>
// NOLINTNEXTLINE(bugprone-crtp-constructor-accessibility): it is empty, and made by its derived class alone
struct call_with_options {};

/// What both forms of a remote function share. An input is made of `Values`, one for each parameter.
template <auto F, bool Bound, class Type, class... Values>
class remote_base : public call_with_options<remote_base<F, Bound, Type, Values...>, Values..., options_last> {
  using traits = remote_traits<F>;
  using context_type = std::conditional_t<Bound, context_of<F>, no_context>;

  template <class... Arguments>
  static constexpr bool can_pass_on = [] {
    if constexpr (sizeof...(Arguments) == sizeof...(Values)) {  // packs are expanded together only then
      if constexpr (!(std::is_same_v<std::remove_cvref_t<Arguments>, Values> && ...))
        return false;
      else if constexpr (Bound)
        return std::is_invocable_v<typename traits::function_type, const context_type&, Arguments...>;
      else
        return std::is_invocable_v<typename traits::function_type, Arguments...>;
    } else {
      return false;
    }
  }();
  template <class... Arguments>
  static constexpr bool can_convert = [] {
    if constexpr (sizeof...(Arguments) != sizeof...(Values))
      return false;
    else
      return (std::is_convertible_v<Arguments, Values> && ...);
  }();

 public:
  using result_type = typename traits::result;
  using input_type = std::tuple_element_t<0, std::tuple<Values..., no_context>>;  ///< of the first parameter
  static constexpr bool coroutine = traits::coroutine;
  static constexpr bool per_lane = bound_per_lane<F, Bound>;
  /// Whether all inputs, or results, are the bytes of a number or its like.
  static constexpr bool plain_input = sizeof...(Values) == 1 && trivially_serialized<input_type>;
  static constexpr bool plain_result = trivially_serialized<result_type>;
  /// Whether it was said what is wrong with the function.
  static constexpr bool usable = traits::usable && (!Bound || can_be_bound<F>);
  static constexpr bool known = traits::parts::known;

  /// Calls F here, as it would be called there: with values of its own, if these are not what it takes.
  template <class... Arguments>
    requires(can_pass_on<Arguments...> || can_convert<Arguments...>)
  auto operator()(Arguments&&... arguments) const {
    if constexpr (can_pass_on<Arguments...>) {
      if constexpr (Bound)
        return std::invoke(F, context_, std::forward<Arguments>(arguments)...);
      else
        return std::invoke(F, std::forward<Arguments>(arguments)...);
    } else if constexpr (coroutine) {
      return call_held(context_, std::tuple<Values...>(std::forward<Arguments>(arguments)...));
    } else {
      std::tuple<Values...> held(std::forward<Arguments>(arguments)...);
      return invoke_held(context_, held, input_parameters<F, Bound>{});
    }
  }

  std::string_view name() const { return remote_registration<F, Bound>::entry.name(); }

  /// An input that is whole, or has an element for each parameter.
  template <class Item>
    requires(sizeof...(Values) == 1 && (std::is_convertible_v<const Item&, const Values&> && ...))
  void encode(const Item& item, std::string& bytes) const {
    encode_arguments<Values...>(bytes, item);
  }
  template <class Item>
    requires(sizeof...(Values) != 1 && is_tuple<Item>)
  void encode(const Item& item, std::string& bytes) const {
    std::apply([&](const auto&... elements) { encode_arguments<Values...>(bytes, elements...); }, item);
  }
  /// Arguments given one by one. Does not throw what encoding them throws.
  encoded_input encode_call(const Values&... values) const {
    encoded_input made;
    try {
      encode_arguments<Values...>(made.bytes, values...);
    } catch (...) {
      made.refused = not_encoded();
    }
    return made;
  }
  /// The function with its arguments, for `worker_options`.
  worker_call call(const Values&... values) const {
    worker_call made{std::string(name()), context(), {}};
    encode_arguments<Values...>(made.argument, values...);
    return made;
  }
  std::string context() const {
    std::string bytes;
    if constexpr (Bound) encode_value(context_, bytes);
    return bytes;
  }
  template <class Result>
  void encode_result(const Result& result, std::string& bytes) const {
    encode_value(result, bytes);
  }
  static result_type decode_result([[maybe_unused]] std::string_view bytes) {
    if constexpr (!std::is_void_v<result_type>) return decode_value<result_type>(bytes);
  }

  /// Whether there is a value for each parameter; one more may be the options of the call.
  template <class... Given>
  static consteval bool takes_call() {
    if constexpr (known) {
      if constexpr (sizeof...(Given) == sizeof...(Values))
        return (std::is_convertible_v<const Given&, const Values&> && ...);
      else if constexpr (sizeof...(Given) == sizeof...(Values) + 1)
        return takes_call_with_options<Given...>(std::make_index_sequence<sizeof...(Values)>{});
      else
        return false;
    } else {
      return false;
    }
  }
  template <class... Given, std::size_t... I>
  static consteval bool takes_call_with_options(std::index_sequence<I...>) {
    using all = std::tuple<Given...>;
    return (std::is_convertible_v<const std::tuple_element_t<I, all>&, const Values&> && ...) &&
           requires(const std::tuple_element_t<sizeof...(Values), all>& how) { how.timeout; };
  }
  /// Says what is wrong with these inputs; false then.
  template <class Item>
  static consteval bool check_input() {
    constexpr bool fits = task_for<const remote_base, Item>;
    if constexpr (usable && sizeof...(Values) == 1)
      static_assert(fits, "the inputs are of a type that this remote function does not take");
    else if constexpr (usable && is_tuple<std::remove_cvref_t<Item>>)
      static_assert(fits, "the inputs do not have an element for each parameter of this remote function");
    else if constexpr (usable && sizeof...(Values) == 0)
      static_assert(fits, "this remote function takes nothing, so there are no inputs for it: call it with submit");
    else if constexpr (usable)
      static_assert(
          fits,
          "this remote function has several parameters, and each input is one value: bind the first, which is "
          "the same for all, with fanout::remote<f>.with(value), or give inputs that are pairs or tuples with "
          "an element for each");
    return usable && fits;
  }

 protected:
  constexpr remote_base() = default;
  explicit remote_base(context_type context) : context_(std::move(context)) {}

 private:
  template <class... P>
  static auto invoke_held([[maybe_unused]] const context_type& context, std::tuple<Values...>& held, type_list<P...>) {
    return std::apply(
        [&](auto&... values) {
          if constexpr (Bound)
            return std::invoke(F, context, static_cast<passed_t<P>>(values)...);
          else
            return std::invoke(F, static_cast<passed_t<P>>(values)...);
        },
        held);
  }
  /// Keeps what the coroutine refers to. The context is the caller's.
  static task<result_type> call_held(const context_type& context, std::tuple<Values...> held) {
    auto work = invoke_held(context, held, input_parameters<F, Bound>{});
    if constexpr (std::is_void_v<result_type>) {
      co_await std::move(work);
    } else {
      result_type value = co_await std::move(work);
      co_return value;
    }
  }

  [[no_unique_address]] context_type context_{};
};

template <auto F, bool Bound, class Parameters>
struct remote_base_for;
template <auto F, bool Bound, class... P>
struct remote_base_for<F, Bound, type_list<P...>> {
  using type = remote_base<F, Bound, decltype(F), std::remove_cvref_t<P>...>;
};
template <auto F, bool Bound>
using remote_base_t = typename remote_base_for<F, Bound, input_parameters<F, Bound>>::type;

template <auto F, bool Bound, class Type, class... Values>
remote_base<F, Bound, Type, Values...> base_of(const remote_base<F, Bound, Type, Values...>&);
template <class Function>
concept any_remote = requires(const Function& function) { base_of(function); };

/// Whether the values, and options that may follow, are those of a call of the remote function.
template <class Function, class... Given>
consteval bool takes_values_of() {
  if constexpr (any_remote<Function>)
    return decltype(base_of(std::declval<const Function&>()))::template takes_call<Given...>();
  else
    return false;
}
template <class Function, class... Given>
inline constexpr bool remote_takes = takes_values_of<Function, Given...>();

/// A call with everything encoded.
template <class Options>
struct encoded_call {
  std::string_view function;
  std::string context;
  encoded_input argument;
  bool coroutine = false;
  Options how = {};
};
template <class Options, class Function, class... Values>
encoded_call<Options> encode_call(const Function& function, const Values&... values) {
  if constexpr (Function::usable)
    return {function.name(), function.context(), function.encode_call(values...), Function::coroutine, {}};
  else
    return {};
}

/// What is given to a call in this place.
template <class Given, class Options>
struct given : std::type_identity<Given> {};
template <class Options>
struct given<options_last, Options> : std::type_identity<Options> {};
template <class Given, class Options>
using given_t = typename given<Given, Options>::type;

template <class Options, class Function, class... Given>
encoded_call<Options> encode_call_with_options(const Function& function, const Given&... given) {
  const std::tuple<const Given&...> all(given...);
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    auto made = encode_call<Options>(function, std::get<I>(all)...);
    made.how = std::get<sizeof...(I)>(all);
    return made;
  }(std::make_index_sequence<sizeof...(Given) - 1>{});
}

/// Says why there is no such call.
template <class Function, class... Given>
consteval void refuse_call() {
  constexpr bool is_remote = any_remote<Function>;  // of a concept the compiler would tell why not
  if constexpr (!is_remote)
    static_assert(is_remote,
                  "a closure or a plain function cannot go to another process: name the function with "
                  "fanout::remote<f>, which may have a context: fanout::remote<f>.with(value)");
  else
    static_assert(remote_takes<Function, Given...> || !Function::known,
                  "the call does not have a value, of its type, for each parameter of this remote function: give one "
                  "for each, or bind the first with fanout::remote<f>.with(value)");
}

/// As `check_task`, for tasks that have to be remote.
template <class Function, class Item>
consteval bool check_remote_task() {
  constexpr bool is_remote = any_remote<std::remove_cv_t<Function>> || remote_task_for<Function, Item>;
  static_assert(is_remote,
                "a closure or a plain function cannot go to another process: name the function with "
                "fanout::remote<f>, which may have a context: fanout::remote<f>.with(value)");
  if constexpr (any_remote<std::remove_cv_t<Function>>)
    return check_task<Function, Item>();
  else
    return is_remote;
}

}  // namespace detail

/// A remote function together with the context it needs. Calling it here calls the function here.
template <auto F, class Type = decltype(F)>
class bound_remote_function : public detail::remote_base_t<F, true> {
 public:
  explicit bound_remote_function(detail::context_of<F> context) : detail::remote_base_t<F, true>(std::move(context)) {}
};

/// A named function that can leave its process. Calling it here calls the function here.
template <auto F, class Type = decltype(F)>
class remote_function : public detail::remote_base_t<F, false> {
 public:
  constexpr remote_function() = default;

  /// Binds the first parameter: sent to each worker process once, not with each input.
  template <class Context = detail::context_of<F>>
  auto with(Context&& context) const {
    constexpr bool possible = detail::check_binding<F, Context>();
    if constexpr (possible)
      return bound_remote_function<F>(std::forward<Context>(context));
    else if constexpr (std::is_void_v<typename detail::remote_traits<F>::first>)
      return *this;
    else
      return bound_remote_function<F>({});
  }
};

/// The remote task that calls `F`: a function, blocking or a coroutine, or a member, whose object is then its first
/// parameter, or a closure without captures. What it takes and returns must be able to travel (codec.hpp) and have a
/// default constructor. Thread-safe as far as `F` is.
template <auto F>
inline constexpr remote_function<F> remote{};

}  // namespace fanout
