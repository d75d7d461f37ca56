// The untyped foundation of gather, races, groups and time limits.

#include <fanout/async/detail/child_scope.hpp>
#include <fanout/base/failure.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using test::census;

class child_scopes : public test::leak_checked {};

/// A scope with three places for children; what starts, and what an end means, is up to the test.
class open_scope final : public detail::child_scope {
 public:
  explicit open_scope(asio::any_io_executor executor) : child_scope(std::move(executor)) {}

  void begin(std::size_t index, task<int> work) {
    spawn<int>(children_[index], std::move(work), values[index], {.name = "child", .index = index});
  }
  void begin_body(std::size_t index, task<int> work) {
    spawn_body<int>(children_[index], std::move(work), values[index], {.name = "body"});
  }
  using child_scope::parent_cancelled;

  std::function<void(open_scope&)> on_start;
  std::function<void(open_scope&, std::size_t)> after_end = [](open_scope&, std::size_t) {};
  std::array<std::optional<int>, 3> values;
  std::vector<std::size_t> ended;
  std::array<std::exception_ptr, 3> failures;
  int abandoned = 0;

 private:
  void start() override { on_start(*this); }
  void on_end(detail::child& child, const std::exception_ptr& failed) override {
    const auto index = static_cast<std::size_t>(&child - children_.data());
    ended.push_back(index);
    failures[index] = failed;
    after_end(*this, index);
  }
  void on_abandoned(detail::child*) noexcept override { ++abandoned; }

  std::array<detail::child, 3> children_;
};

task<int> after_turns(census& seen, int turns, int value) {
  const test::alive here(seen);
  try {
    for (int i = 0; i < turns; ++i) {
      task<void> turn = yield();
      co_await std::move(turn);
    }
  } catch (const boost::system::system_error&) {
    ++seen.cancelled;
    throw;
  }
  ++seen.completed;
  co_return value;
}

task<int> failing_child() {
  throw std::out_of_range("child");
  co_return 0;
}

/// What a run of a scope leaves behind.
struct result {
  census seen;
  std::exception_ptr thrown;
  std::vector<std::size_t> ended;
  std::array<std::optional<int>, 3> values;
  std::array<std::exception_ptr, 3> failures;
};

task<void> parent(std::function<void(open_scope&, census&)> prepare, result& into) {
  open_scope scope(co_await asio::this_coro::executor);
  prepare(scope, into.seen);
  task<void> all = scope.run();
  std::exception_ptr failed;
  try {
    co_await std::move(all);
  } catch (...) {
    failed = std::current_exception();
  }
  EXPECT_EQ(into.seen.alive, 0) << "the parent went on before its last child had ended";
  into.thrown = failed;
  into.ended = scope.ended;
  into.values = scope.values;
  into.failures = scope.failures;
}

result run(std::function<void(open_scope&, census&)> prepare) {
  result into;
  test::run_to_end(parent(std::move(prepare), into));
  return into;
}

TEST_F(child_scopes, the_parent_goes_on_after_the_last_child) {
  const result got = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin(0, after_turns(seen, 3, 10));
      self.begin(1, after_turns(seen, 1, 11));
      self.begin(2, after_turns(seen, 0, 12));
    };
  });
  EXPECT_FALSE(got.thrown);
  EXPECT_EQ(got.ended, (std::vector<std::size_t>{2, 1, 0}));
  EXPECT_EQ(got.values, (std::array<std::optional<int>, 3>{10, 11, 12}));
}

TEST_F(child_scopes, without_children_the_parent_goes_on_at_once) {
  const result got = run([](open_scope& scope, census&) { scope.on_start = [](open_scope&) {}; });
  EXPECT_FALSE(got.thrown);
  EXPECT_TRUE(got.ended.empty());
}

TEST_F(child_scopes, a_failure_is_handed_over_and_cancels_nobody_by_itself) {
  const result got = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin(0, failing_child());
      self.begin(1, after_turns(seen, 2, 11));
    };
  });
  EXPECT_FALSE(got.thrown) << "what a failure means is up to the derived class";
  ASSERT_TRUE(got.failures[0]);
  EXPECT_THROW(std::rethrow_exception(got.failures[0]), std::out_of_range);
  EXPECT_EQ(got.values[1], 11);
}

TEST_F(child_scopes, cancel_ends_those_under_way_and_lets_none_begin) {
  const result got = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin(0, after_turns(seen, 1'000, 10));
      self.cancel();
      EXPECT_EQ(seen.cancelled, 0) << "they are cancelled in a later turn";
      self.begin(1, after_turns(seen, 0, 11));
    };
  });
  EXPECT_EQ(got.seen.begun, 1);
  EXPECT_EQ(got.seen.cancelled, 1);
  EXPECT_TRUE(detail::is_cancellation(got.failures[0]));
  EXPECT_TRUE(detail::is_cancellation(got.failures[1])) << "one that never began says so, too";
  EXPECT_EQ(got.values[1], std::nullopt);
}

TEST_F(child_scopes, cancel_spares_the_body_and_cancel_all_does_not) {
  const result spared = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin_body(0, after_turns(seen, 5, 10));
      self.begin(1, after_turns(seen, 1'000, 11));
      self.cancel();
    };
  });
  EXPECT_EQ(spared.values[0], 10);
  EXPECT_TRUE(detail::is_cancellation(spared.failures[1]));
  const result ended = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin_body(0, after_turns(seen, 1'000, 10));
      self.begin(1, after_turns(seen, 1'000, 11));
      self.cancel();
      self.cancel_all();
    };
  });
  EXPECT_TRUE(detail::is_cancellation(ended.failures[0]));
  EXPECT_TRUE(detail::is_cancellation(ended.failures[1]));
}

TEST_F(child_scopes, an_end_may_begin_another_child) {
  const result got = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) { self.begin(0, after_turns(seen, 1, 10)); };
    scope.after_end = [&seen](open_scope& self, std::size_t index) {
      if (index < 2) self.begin(index + 1, after_turns(seen, index == 0 ? 0 : 2, 11));
    };
  });
  EXPECT_EQ(got.ended, (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(got.seen.completed, 3);
}

TEST_F(child_scopes, an_exception_of_start_cancels_and_awaits_those_that_began) {
  const result got = run([](open_scope& scope, census& seen) {
    scope.on_start = [&seen](open_scope& self) {
      self.begin(0, after_turns(seen, 1'000, 10));
      throw std::length_error("no room for the second");
    };
  });
  ASSERT_TRUE(got.thrown);
  EXPECT_THROW(std::rethrow_exception(got.thrown), std::length_error);
  EXPECT_EQ(got.seen.cancelled, 1);
}

task<void> cancelled_parent(census& seen, int& abandoned) {
  open_scope scope(co_await asio::this_coro::executor);
  scope.on_start = [&seen](open_scope& self) {
    self.begin(0, after_turns(seen, 4, 10));
    self.begin(1, after_turns(seen, 2, 11));
  };
  task<void> all = scope.run();
  co_await std::move(all);
  abandoned += scope.abandoned;
  if (scope.parent_cancelled()) throw boost::system::system_error(asio::error::operation_aborted);
}

TEST_F(child_scopes, a_cancellation_of_the_parent_reaches_the_children_at_every_step) {
  int abandoned = 0;
  const auto work = [&](census& seen) { return cancelled_parent(seen, abandoned); };
  test::cancel_at_every_step(work);
  EXPECT_EQ(abandoned, 0);
}

TEST_F(child_scopes, a_loop_may_be_destroyed_at_every_step) {
  int abandoned = 0;
  const auto work = [&](census& seen) { return cancelled_parent(seen, abandoned); };
  test::destroy_at_every_step(work);
}

TEST(cancellations, are_told_from_failures) {
  EXPECT_FALSE(detail::is_cancellation(nullptr));
  EXPECT_TRUE(detail::is_cancellation(detail::cancellation()));
  EXPECT_TRUE(detail::is_cancellation(std::make_exception_ptr(error(failure_kind::cancelled, "stopped"))));
  EXPECT_FALSE(detail::is_cancellation(std::make_exception_ptr(error(failure_kind::timeout, "late"))));
  EXPECT_FALSE(
      detail::is_cancellation(std::make_exception_ptr(boost::system::system_error(asio::error::connection_reset))));
  EXPECT_FALSE(detail::is_cancellation(std::make_exception_ptr(std::runtime_error("other"))));
  EXPECT_FALSE(detail::is_cancellation(std::make_exception_ptr(7)));
}

}  // namespace
