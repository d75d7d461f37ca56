// What a function takes and returns, as the compiler sees it.

#include <fanout/process/detail/signature.hpp>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace signatures {

using namespace fanout::detail;

struct account {
  int balance(int year) const;
  void pay(std::string whom) noexcept;
  int once() &&;
  int here() const& noexcept;
  int number;
};

int plain(int, const std::string&);
void nothing() noexcept;
int with_varargs(const char*, ...);

template <auto F>
using of = signature<std::remove_cv_t<decltype(F)>>;

static_assert(std::is_same_v<of<&plain>::parameters, type_list<int, const std::string&>>);
static_assert(std::is_same_v<of<&plain>::returned, int>);
static_assert(std::is_same_v<of<&nothing>::parameters, type_list<>>);
static_assert(std::is_same_v<of<&nothing>::returned, void>);
static_assert(!of<&with_varargs>::known);

static_assert(std::is_same_v<of<&account::balance>::parameters, type_list<const account&, int>>);
static_assert(std::is_same_v<of<&account::pay>::parameters, type_list<account&, std::string>>);
static_assert(std::is_same_v<of<&account::once>::parameters, type_list<account&&>>);
static_assert(std::is_same_v<of<&account::here>::parameters, type_list<const account&>>);
static_assert(std::is_same_v<of<&account::number>::parameters, type_list<const account&>>);
static_assert(std::is_same_v<of<&account::number>::returned, const int&>);

constexpr auto closure = [](int x, double) { return x > 0; };
static_assert(std::is_same_v<of<closure>::parameters, type_list<int, double>>);
static_assert(std::is_same_v<of<closure>::returned, bool>);
constexpr auto generic = [](auto x) { return x; };
static_assert(!signature<std::remove_cv_t<decltype(generic)>>::known);
static_assert(!signature<int>::known);

static_assert(std::is_same_v<first_of<type_list<int, char>>::type, int>);
static_assert(std::is_void_v<first_of<type_list<>>::type>);
static_assert(std::is_same_v<without_first<type_list<int, char>>::type, type_list<char>>);

static_assert(std::is_same_v<passed_t<const std::string&>, const std::string&>);
static_assert(std::is_same_v<passed_t<std::string>, std::string&&>);
static_assert(std::is_same_v<passed_t<std::string&&>, std::string&&>);

TEST(signature, is_checked_when_this_is_compiled) {
  SUCCEED();
}

}  // namespace signatures
