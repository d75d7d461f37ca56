// Functions of none, one and several parameters, and what they can be given, in this process and in others.

#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/run_to_end.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace remote_calls {

using namespace fanout;
using namespace std::chrono_literals;
using test::run_to_end;
using testing::ElementsAre;

class account {
 public:
  account() = default;
  explicit account(int cents) : cents_(cents) {}
  int balance() const { return cents_; }
  int after(int paid, const std::string& note) const noexcept { return cents_ - paid + static_cast<int>(note.size()); }
  int withdraw(int paid) { return cents_ -= paid; }
  int close() && { return std::exchange(cents_, 0); }
  task<int> balance_later() const { co_return cents_; }
  int fee = 3;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(cents_, fee);
  }

 private:
  int cents_ = 0;
};

int none() {
  return 7;
}
task<int> none_async() {
  co_return 8;
}
int one(int x) {
  return x + 1;
}
int two(const std::string& text, int x) {
  return static_cast<int>(text.size()) + x;
}
task<int> two_async(const std::string& text, int x) {
  co_return static_cast<int>(text.size()) + x;
}
task<int> one_async(const std::string& text) {
  co_return static_cast<int>(text.size());
}
std::string three(std::string first, const std::string& second, std::string&& third) {
  return first + second + std::move(third);
}
int one_pair(const std::pair<int, int>& both) {
  return both.first * 100 + both.second;
}
int pair_and_more(const std::pair<int, int>& both, int more) {
  return both.first * 100 + both.second + more;
}
void nothing(const std::string&, int) {}
std::string joined(std::string_view text, std::span<const std::byte> bytes, std::string_view last) {
  return std::string(text) + "/" + std::to_string(bytes.size()) + "/" + std::string(last);
}
const std::string& longer(const std::string& a, const std::string& b) {
  return a.size() > b.size() ? a : b;
}
double mean(const std::vector<double>& all, bool, long count) {
  double sum = 0;
  for (const double x : all) sum += x;
  return sum / static_cast<double>(count);
}

using remote_call = test::leak_checked;

TEST_F(remote_call, has_none_one_or_several_values) {
  process_pool pool({.processes = 1});
  EXPECT_EQ(pool.submit(remote<none>).get(), 7);
  EXPECT_EQ(pool.submit(remote<none>, {.timeout = 10s}).get(), 7);
  EXPECT_EQ(pool.submit(remote<one>, 1).get(), 2);
  EXPECT_EQ(pool.submit(remote<two>, "abc", 4).get(), 7);
  EXPECT_EQ(pool.submit(remote<two>, {'a', 'b'}, 4, {.timeout = 10s}).get(), 6);
  EXPECT_EQ(pool.submit(remote<two>.with("abcd"), 4).get(), 8);
  EXPECT_EQ(pool.submit(remote<none_async>).get(), 8);
  EXPECT_EQ(pool.submit(remote<two_async>, "abc", 4).get(), 7);
  EXPECT_EQ(pool.submit(remote<three>, "a", "bc", "d").get(), "abcd");
  EXPECT_EQ(pool.submit(remote<three>.with("x"), "bc", "d").get(), "xbcd");
  EXPECT_EQ(pool.submit(remote<mean>, {1, 2, 6}, true, 3).get(), 3);
  pool.submit(remote<nothing>, "x", 1).get();
  EXPECT_EQ(pool.call(remote<none>), 7);
  EXPECT_EQ(pool.call(remote<two>, "abc", 4), 7);
  EXPECT_EQ(pool.call(remote<two>, "abc", 4, {.timeout = 10s}), 7);
  EXPECT_EQ(pool.call(remote<longer>, "abc", "de"), "abc");
  const submit_options how{.timeout = 10s};
  EXPECT_EQ(pool.call(remote<two>.with("abcd"), 4, how), 8);
}

TEST_F(remote_call, from_a_coroutine) {
  process_pool pool({.processes = 1});
  EXPECT_EQ(run_to_end(to_process(remote<none>)), 7);
  EXPECT_EQ(run_to_end(to_process(remote<two>, "abc", 4, {.timeout = 10s})), 7);
  EXPECT_EQ(run_to_end(to_process(remote<two>.with("abcd"), 4)), 8);
  EXPECT_EQ(run_to_end(to_process(pool, remote<none>, {.timeout = 10s})), 7);
  EXPECT_EQ(run_to_end(to_process(pool, remote<two>, "abc", 4)), 7);
  EXPECT_EQ(run_to_end(to_process(pool, remote<&account::after>.with(account(100)), 30, "ab")), 72);
}

TEST_F(remote_call, in_a_worker_before_its_tasks) {
  process_pool pool({.processes = 1, .workers = {.initializer = remote<nothing>.call("x", 1), .finalizer = {}}});
  EXPECT_EQ(pool.call(remote<none>), 7);
}

TEST_F(remote_call, of_members) {
  process_pool pool({.processes = 1});
  const account rich(100);
  EXPECT_EQ(pool.call(remote<&account::balance>, rich), 100);
  EXPECT_EQ(pool.call(remote<&account::after>, rich, 30, "ab"), 72);
  EXPECT_EQ(pool.call(remote<&account::withdraw>, rich, 30), 70);
  EXPECT_EQ(pool.call(remote<&account::close>, rich), 100);
  EXPECT_EQ(pool.call(remote<&account::fee>, rich), 3);
  EXPECT_EQ(pool.call(remote<&account::balance_later>, rich), 100);
  EXPECT_EQ(pool.call(remote<&account::after>.with(rich), 10, ""), 90);
  EXPECT_EQ(pool.call(remote<&account::balance>.with(rich)), 100);
  for (const shape& where : {fanout::sync(), threads(2), processes(2)}) {
    EXPECT_THAT(map(where, remote<&account::balance>, {account(1), account(2)}), ElementsAre(1, 2));
    EXPECT_THAT(map(where, remote<&account::close>, {account(1), account(2)}), ElementsAre(1, 2));
    EXPECT_THAT(map(where, remote<&account::withdraw>, {std::pair(account(1), 2)}), ElementsAre(-1));
    const std::vector inputs{std::pair(account(1), 2)};
    EXPECT_THAT(map(where, remote<&account::withdraw>, inputs), ElementsAre(-1));
  }
}

TEST_F(remote_call, has_the_elements_of_pairs_and_tuples) {
  const std::map<std::string, int> named{{"a", 1}, {"bb", 2}};
  process_pool pool({.processes = 2});
  for (const options& how : {options(fanout::sync()), options(threads(2)), options(processes(2)), pool.with()}) {
    EXPECT_THAT(map(how, remote<two>, named), ElementsAre(2, 4));
    EXPECT_THAT(map(how, remote<two>, std::vector{std::tuple("abc", 1L)}), ElementsAre(4));
    EXPECT_THAT(map(how, remote<three>, std::vector{std::array<std::string, 3>{"a", "b", "c"}}), ElementsAre("abc"));
    EXPECT_THAT(map(how, remote<three>.with("x"), {std::pair("b", "c")}), ElementsAre("xbc"));
    EXPECT_THAT(map(how, remote<pair_and_more>, {std::pair(std::pair(1, 2), 3)}), ElementsAre(105));
    EXPECT_THAT(map(how, remote<none>, {std::tuple<>()}), ElementsAre(7));
  }
  for (const options& how : {options(async(3)), options(grid(2, 1, 2)), options(hybrid(4))}) {
    EXPECT_THAT(map(how, remote<two_async>, named), ElementsAre(2, 4));
    EXPECT_THAT(map(how, remote<two_async>, {std::pair("abc", 1)}), ElementsAre(4));
    EXPECT_THAT(map(how, remote<two_async>.with("abc"), {1, 2}), ElementsAre(4, 5));
  }
}

/// What takes a pair as it is gets it so.
TEST_F(remote_call, of_one_parameter_has_pairs_whole) {
  const std::map<int, int> all{{1, 2}, {3, 4}};
  for (const shape& where : {fanout::sync(), threads(2), processes(2)})
    EXPECT_THAT(map(where, remote<one_pair>, all), ElementsAre(102, 304));
  EXPECT_THAT(map(threads(2), [](auto both) { return both.second; }, all), ElementsAre(2, 4));
  process_pool pool({.processes = 1});
  EXPECT_EQ(pool.call(remote<one_pair>, {5, 6}), 506);
}

TEST_F(remote_call, has_inputs_written_where_they_are_used) {
  process_pool pool({.processes = 1});
  std::vector<int> got;
  const auto take = [&](const outcome<int>& out) { got.push_back(out.value()); };
  EXPECT_THAT(map(threads(2), one, {1, 2, 3}), ElementsAre(2, 3, 4));
  EXPECT_EQ(map_outcomes(processes(1), remote<one>, {1, 2}).size(), 2U);
  EXPECT_THAT(pool.map(remote<one>, {1, 2, 3}), ElementsAre(2, 3, 4));
  pool.for_each_completed(remote<one>, {1}, take);
  pool.for_each_in_order(remote<one>, {2, 3}, take);
  for_each_completed(fanout::sync(), one, {4}, take);
  for_each_in_order(fanout::sync(), one, {5}, take);
  run(fanout::sync(), one, {6}, take);
  EXPECT_THAT(got, ElementsAre(2, 3, 4, 5, 6, 7));
  EXPECT_THAT(map(fanout::async(2), one_async, {"a", "text that is not in the string itself"}), ElementsAre(1, 37));
  EXPECT_THAT(pool.map(remote<one_async>, {"a", "bcd"}), ElementsAre(1, 3));
}

/// A coroutine that takes references has values that stay, whatever was converted to make them.
TEST_F(remote_call, keeps_what_a_coroutine_refers_to) {
  const std::vector<const char*> texts{"a", "text that is not in the string itself"};
  EXPECT_THAT(map(fanout::async(2), remote<one_async>, texts), ElementsAre(1, 37));
  EXPECT_THAT(map(fanout::async(2), remote<two_async>.with("x"), std::vector<short>{1, 2}), ElementsAre(2, 3));
}

TEST_F(remote_call, refers_to_bytes_where_they_came) {
  process_pool pool({.processes = 1});
  const std::string text = "12345";
  const auto bytes = std::as_bytes(std::span(text));
  EXPECT_EQ(pool.call(remote<joined>, "a", bytes, ""), "a/5/");
  EXPECT_EQ(pool.call(remote<joined>, "", {}, "b"), "/0/b");
}

int sum(int x, int y) {
  return x + y;
}

TEST_F(remote_call, of_plain_functions_has_elements_too) {
  const std::vector pairs{std::pair(1, 2), std::pair(3, 4)};
  EXPECT_THAT(map(threads(2), sum, pairs), ElementsAre(3, 7));
  EXPECT_THAT(map(threads(2), [](auto x, auto y) { return x * y; }, pairs), ElementsAre(2, 12));
  const auto with_stop = [](int x, int y, const std::stop_token& stop) { return stop.stop_requested() ? 0 : x - y; };
  EXPECT_THAT(map(threads(2), with_stop, pairs), ElementsAre(-1, -1));
  const auto whole_with_stop = [](std::pair<int, int> both, std::stop_token) { return both.first; };
  EXPECT_THAT(map(threads(2), whole_with_stop, pairs), ElementsAre(1, 3));
  std::vector<int> seconds;
  run(threads(2), sum, pairs, [&](const outcome<int>&, std::pair<int, int> both) { seconds.push_back(both.second); });
  EXPECT_THAT(seconds, testing::UnorderedElementsAre(2, 4));
  EXPECT_THAT(map(fanout::async(2), two_async, {std::pair(std::string("ab"), 1)}), ElementsAre(3));
}

// What travels -----------------------------------------------------------------------------------------------------

struct with_free_serialize {
  int x = 0;
  friend bool operator==(const with_free_serialize&, const with_free_serialize&) = default;
};
template <class Archive>
void serialize(Archive& archive, with_free_serialize& value) {
  archive(value.x);
}
struct with_free_pair {
  int x = 0;
  friend bool operator==(const with_free_pair&, const with_free_pair&) = default;
};
template <class Archive>
void save(Archive& archive, const with_free_pair& value) {
  archive(value.x);
}
template <class Archive>
void load(Archive& archive, with_free_pair& value) {
  archive(value.x);
}
struct with_own_pair {
  int x = 0;
  template <class Archive>
  void save(Archive& archive) const {
    archive(x);
  }
  template <class Archive>
  void load(Archive& archive) {
    archive(x);
  }
  friend bool operator==(const with_own_pair&, const with_own_pair&) = default;
};
enum class colour : unsigned char { red, green };
struct tree {
  int value = 0;
  std::vector<tree> children;
  std::unique_ptr<tree> next;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(value, children, next);
  }
};
int total(const tree& one) {
  int all = one.value + (one.next ? total(*one.next) : 0);
  for (const tree& child : one.children) all += total(child);
  return all;
}

template <class T>
T same(const T& value) {
  return value;
}
template <class T>
std::vector<T> twice(const T& first, const T& second) {
  return {first, second};
}
class values : public test::leak_checked {
 protected:
  template <class T>
  void expect_serializable(const T& value) {
    EXPECT_EQ(pool_->call(remote<same<T>>, value), value);
    EXPECT_EQ(pool_->call(remote<twice<T>>, value, value), (std::vector<T>{value, value}));
    EXPECT_EQ(pool_->map(remote<same<T>>, std::vector<T>{value}), std::vector<T>{value});
  }
  void SetUp() override {
    test::leak_checked::SetUp();
    pool_.emplace(process_pool_options{.processes = 1, .workers = {}});
  }
  void TearDown() override {
    pool_.reset();
    test::leak_checked::TearDown();
  }

  std::optional<process_pool> pool_;
};

std::unique_ptr<int> incremented(std::unique_ptr<int> x) {
  if (x) ++*x;
  return x;
}
bool share(const std::shared_ptr<int>& one, const std::shared_ptr<int>& other) {
  return one && one == other;
}

TEST_F(values, of_the_standard_library_travel) {
  expect_serializable(std::filesystem::path("/tmp/some where"));
  expect_serializable(std::vector<std::filesystem::path>{"a", "b"});
  expect_serializable(std::optional<int>(3));
  expect_serializable(std::optional<std::string>());
  expect_serializable(std::variant<std::monostate, int, std::string>("text"));
  expect_serializable(std::variant<std::monostate, int, std::string>());
  expect_serializable(std::chrono::nanoseconds(5));
  expect_serializable(std::chrono::duration<double>(1.5));
  expect_serializable(std::chrono::system_clock::now());
  expect_serializable(std::chrono::steady_clock::now());
  expect_serializable(std::deque<int>{1, 2});
  expect_serializable(std::list<std::string>{"a", "b"});
  expect_serializable(std::map<std::string, std::optional<std::vector<int>>>{{"a", {{1, 2}}}, {"b", {}}});
  expect_serializable(std::array<std::pair<int, std::string>, 2>{{{1, "a"}, {2, "b"}}});
  expect_serializable(colour::green);
  expect_serializable(true);
}

TEST_F(values, of_own_types_travel_in_each_way_of_writing_it) {
  expect_serializable(with_free_serialize{1});
  expect_serializable(with_free_pair{2});
  expect_serializable(with_own_pair{3});
  expect_serializable(std::vector<with_free_pair>{{4}, {5}});
}

TEST_F(values, that_pointers_own_travel) {
  EXPECT_EQ(*pool_->call(remote<incremented>, std::make_unique<int>(4)), 5);
  EXPECT_EQ(pool_->call(remote<incremented>, nullptr), nullptr);
  for (const options& how : {options(fanout::sync()), options(processes(1)), pool_->with()}) {
    std::vector<std::unique_ptr<int>> owned;
    owned.push_back(std::make_unique<int>(1));
    const auto got = map(how, remote<incremented>, std::move(owned));
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(*got[0], 2);
  }
  const auto shared = std::make_shared<int>(6);
  EXPECT_TRUE(pool_->call(remote<share>, shared, shared));
  EXPECT_FALSE(pool_->call(remote<share>, shared, std::make_shared<int>(6)));
  tree root;
  root.value = 1;
  root.children.resize(2);
  root.children[1].value = 10;
  root.next = std::make_unique<tree>();
  root.next->value = 100;
  EXPECT_EQ(pool_->call(remote<total>, root), 111);
}

}  // namespace remote_calls
