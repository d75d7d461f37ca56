#pragma once

#include <fanout/base/task.hpp>
#include <fanout/core/traits.hpp>
#include <fanout/core/worker_options.hpp>
#include <fanout/process/codec.hpp>
#include <fanout/process/registry.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// \file
/// Functions that can run in another process.
///
///     std::string fetch(const std::string& url);
///     auto pages = fanout::map(fanout::processes(5), fanout::remote<fetch>, urls);
///
/// A worker process is this program, started again, so a function is found there by its name; a closure has none. What
/// a function needs besides its input goes into its first parameter and is sent to each worker once:
///
///     page fetch(const settings& how, const std::string& url);
///     fanout::map(fanout::processes(5), fanout::remote<fetch>.with(my_settings), urls);
namespace fanout {

namespace detail {

template <class F>
struct signature;
template <class R, class A>
struct signature<R (*)(A)> {
  using returned = R;
  using input = std::remove_cvref_t<A>;
  using context = void;
};
template <class R, class C, class A>
struct signature<R (*)(C, A)> {
  using returned = R;
  using input = std::remove_cvref_t<A>;
  using context = std::remove_cvref_t<C>;
};
template <class R, class A>
struct signature<R (*)(A) noexcept> : signature<R (*)(A)> {};
template <class R, class C, class A>
struct signature<R (*)(C, A) noexcept> : signature<R (*)(C, A)> {};

/// What the compiler calls this very function: unique among the functions of a program that other files can name.
template <auto F>
constexpr std::string_view function_name() {
  return __PRETTY_FUNCTION__;
}

template <auto F>
struct remote_traits {
  using parts = signature<decltype(F)>;
  using input = typename parts::input;
  using context = typename parts::context;
  using result = typename awaited<typename parts::returned>::type;
  static constexpr bool coroutine = awaited<typename parts::returned>::coroutine;
  static constexpr bool has_context = !std::is_void_v<context>;

  static_assert(can_travel<input>,
                "the input of this remote function cannot travel to another process: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }");
  static_assert(can_travel<std::remove_cvref_t<result>>,
                "the result of this remote function cannot travel between processes: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }");
  static_assert(!is_borrowed<std::remove_cvref_t<result>> && !is_borrowed<context>,
                "the result and the first parameter of a remote function have to own what they refer to: a "
                "std::string or a std::vector<std::byte>");
  static_assert(can_travel<context>,
                "the first parameter of this remote function cannot travel to another process: give its type a member "
                "template <class Archive> void serialize(Archive& archive) { archive(every, member); }");
};

/// F in a worker: bytes in, bytes out.
template <auto F>
class remote_callee final : public remote_instance {
  using traits = remote_traits<F>;
  using result = typename traits::result;

 public:
  explicit remote_callee([[maybe_unused]] std::string_view context) {
    if constexpr (traits::has_context) context_ = decode_value<typename traits::context>(context);
  }

  bool coroutine() const noexcept override { return traits::coroutine; }

  void call(std::string_view argument, std::string& encoded) override {
    if constexpr (!traits::coroutine) {
      if constexpr (std::is_void_v<result>)
        invoke(decode_value<typename traits::input>(argument));
      else
        encode_value(invoke(decode_value<typename traits::input>(argument)), encoded);
    }
  }

  task<void> call_async(std::string_view argument, std::string& encoded) override {
    if constexpr (traits::coroutine) {
      auto input = decode_value<typename traits::input>(argument);
      auto work = invoke(std::move(input));
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
  decltype(auto) invoke(typename traits::input&& input) {
    if constexpr (traits::has_context)
      return F(std::as_const(context_), std::move(input));
    else
      return F(std::move(input));
  }

  using no_context = std::monostate;
  std::conditional_t<traits::has_context, typename traits::context, no_context> context_{};
};

/// Makes F known by its name in every process of this program, before `main`.
template <auto F>
struct remote_registration {
  static inline const bool done = register_remote({function_name<F>(), remote_traits<F>::coroutine,
                                                   [](std::string_view context) -> std::unique_ptr<remote_instance> {
                                                     return std::make_unique<remote_callee<F>>(context);
                                                   }});
};

/// What both forms of a remote function share.
template <auto F>
class remote_base {
 protected:
  using traits = remote_traits<F>;

 public:
  using input_type = typename traits::input;
  /// Whether all inputs, or results, are the bytes of a number or its like.
  static constexpr bool plain_input = travels_as_is<input_type>;
  static constexpr bool plain_result = travels_as_is<std::remove_cvref_t<typename traits::result>>;

  std::string_view name() const noexcept {
    static_cast<void>(remote_registration<F>::done);  // instantiates the registration
    return function_name<F>();
  }
  void encode(const typename traits::input& input, std::string& bytes) const { encode_value(input, bytes); }
  template <class Result>
  void encode_result(const Result& result, std::string& bytes) const {
    encode_value(result, bytes);
  }
  decltype(auto) decode_result([[maybe_unused]] std::string_view bytes) const {
    if constexpr (!std::is_void_v<typename traits::result>)
      return decode_value<std::remove_cvref_t<typename traits::result>>(bytes);
  }
};

}  // namespace detail

/// A remote function together with the context it needs. Calling it here calls the function here.
template <auto F>
class bound_remote_function : public detail::remote_base<F> {
  using typename detail::remote_base<F>::traits;

 public:
  explicit bound_remote_function(typename traits::context context) : context_(std::move(context)) {}
  // By reference, since a coroutine that takes its input by reference reads it after this call.
  auto operator()(const typename traits::input& input) const { return F(context_, input); }
  auto operator()(typename traits::input&& input) const { return F(context_, std::move(input)); }
  std::string context() const {
    std::string bytes;
    detail::encode_value(context_, bytes);
    return bytes;
  }
  /// The function with its input, for `worker_options`.
  worker_call call(const typename traits::input& input) const {
    worker_call made{std::string(this->name()), context(), {}};
    this->encode(input, made.argument);
    return made;
  }

 private:
  typename traits::context context_;
};

/// A named function that can leave its process. Calling it here calls the function here.
template <auto F>
class remote_function : public detail::remote_base<F> {
  using typename detail::remote_base<F>::traits;

 public:
  // By reference, since a coroutine that takes its input by reference reads it after this call.
  auto operator()(const typename traits::input& input) const
    requires(!traits::has_context)
  {
    return F(input);
  }
  auto operator()(typename traits::input&& input) const
    requires(!traits::has_context)
  {
    return F(std::move(input));
  }
  std::string context() const { return {}; }
  /// The function with its input, for `worker_options`.
  worker_call call(const typename traits::input& input) const
    requires(!traits::has_context)
  {
    worker_call made{std::string(this->name()), {}, {}};
    this->encode(input, made.argument);
    return made;
  }

  /// Binds the first parameter: sent to each worker process once, not with each input.
  template <class Context>
    requires traits::has_context
  bound_remote_function<F> with(Context&& context) const {
    return bound_remote_function<F>(std::forward<Context>(context));
  }
};

/// The remote task that calls `F`: a function or static member function with external or internal linkage, blocking or
/// a coroutine, `R F(Input)` or `R F(const Context&, Input)`. `Input`, `R` and `Context` must be able to travel
/// (codec.hpp) and have a default constructor. Thread-safe as far as `F` is.
template <auto F>
inline constexpr remote_function<F> remote{};

}  // namespace fanout
