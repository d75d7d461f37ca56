// How a function is found again in another process: by the one name that no other function has.

#include "process/same_names.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace same_names {
namespace {

using namespace fanout;
using testing::ElementsAre;
using testing::HasSubstr;

class remote_names : public test::leak_checked {};

int unnamed(int x) {
  return 200 + x;
}
struct local_tools {
  int base = 0;
  static int member(int x) { return 300 + x; }
  int plus(int x) const { return base + 400 + x; }
  template <class Archive>
  void serialize(Archive& archive) {
    archive(base);
  }
};

int overloaded(int x) {
  return x + 1;
}
double overloaded(double x) {
  return x / 2;
}
std::string overloaded(const std::string& x) {
  return x + x;
}
int overloaded(int x, int y) {
  return x * y;
}
template <class T>
int size_of(int count) {
  return count * static_cast<int>(sizeof(T));
}

}  // namespace

// NOLINTNEXTLINE(misc-use-anonymous-namespace): one of each kind
static int with_static(int x) {
  return 500 + x;
}

TEST_F(remote_names, are_told_apart_where_two_files_have_the_same) {
  for (const shape& where : {fanout::sync(), processes(2)}) {
    EXPECT_THAT(results_of_other_file(options(where)), ElementsAre(21, 31, 141, 51, 61, 2, 2, 3)) << to_string(where);
    EXPECT_EQ(map(where, remote<unnamed>, {1}).front(), 201);
    EXPECT_EQ(map(where, remote<&local_tools::member>, {1}).front(), 301);
    EXPECT_EQ(map(where, remote<&local_tools::plus>.with(local_tools{1000}), {1}).front(), 1401);
    EXPECT_EQ(map(where, remote<with_static>, {1}).front(), 501);
    EXPECT_EQ(map(where, remote<[](int x) { return 600 + x; }>, {1}).front(), 601);
    EXPECT_EQ(map(where, remote<shared>, {1}).front(), 2);
    EXPECT_EQ(map(where, remote<doubled<int>>, {1}).front(), 2);
    EXPECT_EQ(map(where, remote<&tools::shared_member>, {1}).front(), 3);
  }
}

TEST_F(remote_names, have_overloads) {
  process_pool pool({.processes = 1});
  EXPECT_EQ(pool.call(remote<static_cast<int (*)(int)>(overloaded)>, 3), 4);
  EXPECT_EQ(pool.call(remote<static_cast<double (*)(double)>(overloaded)>, 3), 1.5);
  EXPECT_EQ(pool.call(remote<static_cast<std::string (*)(const std::string&)>(overloaded)>, "ab"), "abab");
  EXPECT_EQ(pool.call(remote<static_cast<int (*)(int, int)>(overloaded)>, 3, 4), 12);
  EXPECT_EQ(pool.call(remote<size_of<char>>, 3), 3);
  EXPECT_EQ(pool.call(remote<size_of<double>>, 3), 24);
}

/// With its first parameter bound it is another function.
TEST_F(remote_names, tell_bound_functions_apart) {
  process_pool pool({.processes = 1});
  constexpr auto product = remote<static_cast<int (*)(int, int)>(overloaded)>;
  EXPECT_NE(product.name(), product.with(3).name());
  EXPECT_EQ(pool.call(product, 3, 4), 12);
  EXPECT_EQ(pool.call(product.with(5), 4), 20);
  EXPECT_EQ(pool.call(product, 3, 4), 12);
}

TEST_F(remote_names, can_be_read) {
  const std::string_view name = remote<with_static>.name();
  EXPECT_THAT(name, HasSubstr("with_static"));
  EXPECT_THAT(name, HasSubstr("int"));
  EXPECT_EQ(name, remote<with_static>.name());
  EXPECT_EQ(&detail::find_remote(name), &detail::find_remote(std::string(name)));
}

TEST_F(remote_names, that_nobody_has_are_refused) {
  try {
    detail::find_remote("nobody at 0x1");
    FAIL() << "it was found";
  } catch (const std::logic_error& refused) {
    EXPECT_THAT(refused.what(), HasSubstr("does not know the remote function nobody"));
  }
}

/// A library that is unloaded takes its functions along.
TEST_F(remote_names, of_functions_that_are_gone_are_forgotten) {
  std::string name;
  {
    const detail::remote_entry passing("passing", nullptr);
    name = passing.name();
    EXPECT_EQ(&detail::find_remote(name), &passing);
  }
  EXPECT_THROW(detail::find_remote(name), std::logic_error);
}

}  // namespace same_names
