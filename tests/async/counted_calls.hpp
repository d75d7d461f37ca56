#pragma once

#include <fanout/async/async_generator.hpp>
#include <fanout/async/sleep.hpp>
#include <fanout/base/task.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// Coroutines to be called with temporaries whose constructors and destructors are counted.
namespace fanout::test::forms {

using namespace std::chrono_literals;

/// What became of the counted objects.
struct census {
  std::set<const void*> alive;
  int destroyed_twice = 0;  ///< or never constructed: a bitwise copy
  int used_dead = 0;
  int wrong = 0;  ///< values
};
inline census& seen() {
  static census only;
  return only;
}
inline void expect(bool right) {
  if (!right) ++seen().wrong;
}

/// Counts itself, and knows where it was constructed.
class counted {
 public:
  explicit counted(int value) : value_(std::make_unique<int>(value)) { seen().alive.insert(this); }
  counted(const counted& other) : value_(std::make_unique<int>(other.value())) { seen().alive.insert(this); }
  counted(counted&& other) noexcept : value_(std::make_unique<int>(other.value())) { seen().alive.insert(this); }
  counted& operator=(const counted& other) {
    *value_ = other.value();
    return *this;
  }
  ~counted() {
    if (seen().alive.erase(this) == 1) return;
    ++seen().destroyed_twice;
    [[maybe_unused]] const int* const not_ours = value_.release();
  }
  int value() const {
    if (seen().alive.contains(this)) return *value_;
    ++seen().used_dead;
    return -1;
  }

 private:
  std::unique_ptr<int> value_;
};

inline task<void> turn() {
  return yield();
}

// What is called ---------------------------------------------------------------------------------------------------

inline task<int> by_value(counted one) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return one.value();
}
inline task<int> by_reference(const counted& one) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return one.value();
}
inline task<int> by_rvalue(counted&& one) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return one.value();
}
inline task<int> both(counted one, const counted& other) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return one.value() + other.value();
}
inline task<int> sum(std::vector<counted> all) {
  task<void> pause = turn();
  co_await std::move(pause);
  int total = 0;
  for (const counted& each : all) total += each.value();
  co_return total;
}
struct aggregate {
  counted one;
  int number = 0;
  std::string text = {};
};
inline task<int> of_aggregate(aggregate given) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return given.one.value() + given.number + static_cast<int>(given.text.size());
}
inline task<int> of_aggregate_reference(const aggregate& given) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return given.one.value() + given.number + static_cast<int>(given.text.size());
}
struct options {
  std::vector<std::string> arguments;
  std::string input = {};
  std::chrono::nanoseconds timeout{0};
};
inline task<int> of_options(options given) {
  task<void> pause = turn();
  co_await std::move(pause);
  std::size_t total = given.input.size();
  for (const std::string& each : given.arguments) total += each.size();
  co_return static_cast<int>(total);
}
struct limits {
  std::chrono::nanoseconds timeout{0};
  int count = 0;
};
inline task<int> of_limits(limits given) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return static_cast<int>(given.timeout / 1s) + given.count;
}
inline task<std::size_t> length(std::string text) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return text.size();
}
inline task<std::size_t> length_by_reference(const std::string& text) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return text.size();
}
inline task<int> call(std::function<int()> function) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return function();
}
template <class F>
task<int> call_any(F function) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return function();
}
template <class F>
task<int> call_reference(F&& function) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return function();
}
template <class F>
task<int> call_coroutine(F function) {
  task<int> made = function();
  co_return co_await std::move(made);
}
template <class F>
task<int> call_body(F function) {
  counted inner(1);
  task<int> made = function(inner);
  co_return co_await std::move(made);
}
inline task<counted> made(int value) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return counted(value);
}
inline task<std::vector<counted>> several() {
  std::vector<counted> all;
  all.emplace_back(1);
  all.emplace_back(2);
  task<void> pause = turn();
  co_await std::move(pause);
  co_return all;
}
inline task<int> failing(counted one) {
  task<void> pause = turn();
  co_await std::move(pause);
  throw std::runtime_error(std::to_string(one.value()));
}
inline task<int> with_default(int number, counted more = counted(4)) {
  task<void> pause = turn();
  co_await std::move(pause);
  co_return number + more.value();
}
class client {
 public:
  task<int> get(counted what) const { return get_of(own_, std::move(what)); }
  task<int> as_coroutine(counted what) const {
    task<void> pause = turn();
    co_await std::move(pause);
    co_return own_.value() + what.value();
  }

 private:
  static task<int> get_of(counted own, counted what) {
    task<void> pause = turn();
    co_await std::move(pause);
    co_return own.value() + what.value();
  }
  counted own_{10};
};
inline int add(const counted& one, const counted& other) {
  return one.value() + other.value();
}
inline async_generator<counted> generated() {
  co_yield counted(1);
  counted named = co_await made(2);
  co_yield std::move(named);
  co_yield counted(co_await by_value(counted(3)));
}

}  // namespace fanout::test::forms
