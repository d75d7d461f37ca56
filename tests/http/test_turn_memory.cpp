#include "http/io/turn_memory.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using fanout::detail::parked_handler;
using fanout::http::socket_turn;
using fanout::http::turn_memory;

bool lies_in(const turn_memory& memory, const void* place) {
  return place >= static_cast<const void*>(&memory) && place < static_cast<const void*>(&memory + 1);
}

TEST(turn_memory, is_for_one_at_a_time_and_what_fits) {
  turn_memory memory;
  void* const first = memory.allocate(64);
  EXPECT_TRUE(lies_in(memory, first));
  void* const second = memory.allocate(64);
  EXPECT_FALSE(lies_in(memory, second));
  memory.deallocate(first, 64);
  void* const large = memory.allocate(4096);
  EXPECT_FALSE(lies_in(memory, large));
  EXPECT_EQ(memory.allocate(64), first) << "it is free again";
  memory.deallocate(second, 64);
  memory.deallocate(large, 4096);
  memory.deallocate(first, 64);
}

TEST(turn_memory, has_the_turn_that_is_posted_until_it_is_called) {
  asio::io_context loop(1);
  parked_handler<error_code> parked;
  turn_memory memory;
  int resumed = 0;
  const auto is_used = [&] {
    void* const other = memory.allocate(64);
    const bool used = !lies_in(memory, other);
    memory.deallocate(other, 64);
    return used;
  };
  for (int i = 1; i <= 2; ++i) {
    parked.park([&](error_code with) {
      resumed += with == asio::error::operation_aborted ? 1 : 100;
      EXPECT_FALSE(is_used());
    });
    asio::post(loop, socket_turn(parked, memory, asio::error::operation_aborted));
    EXPECT_TRUE(is_used());
    loop.poll();
    loop.restart();
    EXPECT_EQ(resumed, i);
  }
}

// The memory lies in what the handler owns, as a socket does in the frame of the coroutine that waits for it.
TEST(turn_memory, a_loop_that_ends_destroys_the_turn_and_then_the_memory) {
  struct waiting {
    parked_handler<error_code> parked;
    turn_memory memory;
  };
  bool called = false;
  {
    asio::io_context loop(1);
    auto owner = std::make_unique<waiting>();
    waiting& place = *owner;
    place.parked.park([owner = std::move(owner), &called](error_code) { called = true; });
    asio::post(loop, socket_turn(place.parked, place.memory, {}));
  }
  EXPECT_FALSE(called);
}

}  // namespace
