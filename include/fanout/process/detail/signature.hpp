#pragma once

#include <cstddef>
#include <tuple>
#include <type_traits>

/// \file
/// What a function takes and returns. Not for users: `remote<f>` is built from it.
namespace fanout::detail {

template <class... Ts>
struct type_list {};

template <class List>
struct without_first;
template <class First, class... Rest>
struct without_first<type_list<First, Rest...>> {
  using type = type_list<Rest...>;
};
template <>
struct without_first<type_list<>> {
  using type = type_list<>;
};

template <class List>
struct first_of {
  using type = void;
};
template <class First, class... Rest>
struct first_of<type_list<First, Rest...>> {
  using type = First;
};

/// `known` for pointers to functions and members, and for closures without captures. The object of a member is its
/// first parameter.
template <class F>
struct signature {
  static constexpr bool known = false;
  using returned = void;
  using parameters = type_list<>;
};

template <class R, class... P>
struct signature_of {
  static constexpr bool known = true;
  using returned = R;
  using parameters = type_list<P...>;
};

template <class R, class... P>
struct signature<R (*)(P...)> : signature_of<R, P...> {};
template <class R, class... P>
struct signature<R (*)(P...) noexcept> : signature_of<R, P...> {};

template <class R, class C, class... P>
struct signature<R (C::*)(P...)> : signature_of<R, C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) noexcept> : signature_of<R, C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...)&> : signature_of<R, C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) & noexcept> : signature_of<R, C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) &&> : signature_of<R, C&&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) && noexcept> : signature_of<R, C&&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const> : signature_of<R, const C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const noexcept> : signature_of<R, const C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const&> : signature_of<R, const C&, P...> {};
template <class R, class C, class... P>
struct signature<R (C::*)(P...) const & noexcept> : signature_of<R, const C&, P...> {};
template <class T, class C>
  requires std::is_object_v<T>
struct signature<T C::*> : signature_of<const T&, const C&> {};

template <class Closure>
  requires std::is_class_v<Closure> && requires { &Closure::operator(); }
struct signature<Closure> {
  using call = signature<decltype(&Closure::operator())>;
  static constexpr bool known = call::known;
  using returned = typename call::returned;
  using parameters = typename without_first<typename call::parameters>::type;
};

/// How a parameter of type `P` is given a value that nobody else needs any more.
template <class P>
using passed_t = std::conditional_t<std::is_lvalue_reference_v<P>, P, std::remove_cvref_t<P>&&>;

}  // namespace fanout::detail
