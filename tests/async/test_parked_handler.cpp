// The completion handler of a suspended coroutine, without its type and without an allocation.

#include <fanout/async/detail/parked_handler.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

namespace {

using fanout::detail::parked_handler;
using fanout::detail::parked_turn;

/// A handler that can be moved only, and whose end is counted: it stands for a coroutine's frame.
class owner {
 public:
  owner(int& called_with, int& ended) : called_with_(&called_with), ended_(&ended) {}
  owner(owner&& other) noexcept
      : called_with_(std::exchange(other.called_with_, nullptr)), ended_(std::exchange(other.ended_, nullptr)) {}
  owner& operator=(owner&&) = delete;
  ~owner() {
    if (ended_) ++*ended_;
  }
  void operator()(int with) && { *called_with_ = with; }

 private:
  int* called_with_;
  int* ended_;
};

struct fixture {
  int called_with = 0;
  int ended = 0;
  owner make() { return {called_with, ended}; }
};

TEST(parked_handler, is_resumed_with_its_arguments_and_ends) {
  fixture seen;
  parked_handler<int> place;
  EXPECT_FALSE(place.parked());
  place.park(seen.make());
  EXPECT_TRUE(place.parked());
  EXPECT_EQ(seen.ended, 0);
  place.resume(7);
  EXPECT_EQ(seen.called_with, 7);
  EXPECT_EQ(seen.ended, 1);
  EXPECT_FALSE(place.parked());
}

TEST(parked_handler, is_dropped_without_being_called) {
  fixture seen;
  parked_handler<int> place;
  place.park(seen.make());
  place.drop();
  EXPECT_EQ(seen.called_with, 0);
  EXPECT_EQ(seen.ended, 1);
  place.drop();
  EXPECT_EQ(seen.ended, 1) << "there was nothing left to drop";
}

TEST(parked_handler, is_dropped_by_the_destructor) {
  fixture seen;
  {
    parked_handler<int> place;
    place.park(seen.make());
  }
  EXPECT_EQ(seen.called_with, 0);
  EXPECT_EQ(seen.ended, 1);
}

TEST(parked_handler, holds_another_one_afterwards) {
  fixture first;
  fixture second;
  parked_handler<int> place;
  place.park(first.make());
  place.resume(1);
  place.park(second.make());
  place.resume(2);
  EXPECT_EQ(first.called_with, 1);
  EXPECT_EQ(second.called_with, 2);
}

TEST(parked_handler, may_be_destroyed_by_the_handler_it_calls) {
  auto place = std::make_unique<parked_handler<>>();
  bool called = false;
  place->park([&place, &called] {
    place.reset();  // the handler stands for the coroutine whose frame has this
    called = true;
  });
  place->resume();
  EXPECT_TRUE(called);
}

TEST(parked_turn, resumes_once_when_it_is_run) {
  fixture seen;
  parked_handler<int> place;
  place.park(seen.make());
  {
    parked_turn turn(place, 5);
    parked_turn moved = std::move(turn);
    moved();
    EXPECT_EQ(seen.called_with, 5);
  }
  EXPECT_EQ(seen.ended, 1);
}

TEST(parked_turn, drops_the_handler_if_it_is_never_run) {
  fixture seen;
  parked_handler<int> place;
  place.park(seen.make());
  {
    const parked_turn turn(place, 5);
  }
  EXPECT_EQ(seen.called_with, 0);
  EXPECT_EQ(seen.ended, 1);
}

}  // namespace
