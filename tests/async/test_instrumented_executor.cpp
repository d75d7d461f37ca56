// An executor that says when its handlers run.

#include <fanout/async/detail/instrumented_executor.hpp>

#include "support/tasks.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

using namespace fanout;
using detail::listened_executor;
using detail::listener_watch;

/// Writes down what it hears: ( and ) for a turn.
class recorder final : public detail::turn_listener {
 public:
  void resumed() noexcept override { text += '('; }
  void suspended() noexcept override { text += ')'; }
  std::string text;
};

listened_executor on(asio::io_context& loop, recorder& heard) {
  return {loop.get_executor(), listener_watch(heard)};
}

task<void> write_between_turns(recorder& heard) {
  heard.text += 'a';
  task<void> turn = test::yield();
  co_await std::move(turn);
  heard.text += 'b';
  turn = test::yield();
  co_await std::move(turn);
  heard.text += 'c';
}

TEST(instrumented_executor, each_step_of_a_coroutine_lies_in_a_turn) {
  asio::io_context loop;
  recorder heard;
  auto end = asio::co_spawn(on(loop, heard), write_between_turns(heard), asio::use_future);
  loop.run();
  end.get();
  std::string inside;
  int depth = 0;
  for (const char each : heard.text) {
    if (each == '(') ++depth;
    if (each == ')') --depth;
    if (each >= 'a') {
      EXPECT_GT(depth, 0) << heard.text;
      inside += each;
    }
    EXPECT_GE(depth, 0) << heard.text;
  }
  EXPECT_EQ(depth, 0) << heard.text;
  EXPECT_EQ(inside, "abc");
  EXPECT_LT(heard.text.find('a'), heard.text.find(")", heard.text.find('a')));
  EXPECT_NE(heard.text.substr(heard.text.find('a'), 3), "ab") << "it left the thread in between";
}

TEST(instrumented_executor, a_turn_ends_when_the_handler_throws) {
  asio::io_context loop;
  recorder heard;
  asio::post(on(loop, heard), [] { throw 1; });
  EXPECT_THROW(loop.run(), int);
  EXPECT_EQ(heard.text, "()");
}

TEST(instrumented_executor, a_handler_that_is_never_run_has_no_turn) {
  recorder heard;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = held;
  {
    asio::io_context loop;
    asio::post(on(loop, heard), [held = std::move(held)] {});
  }
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(heard.text, "");
}

TEST(instrumented_executor, takes_the_properties_of_the_one_it_stands_on_and_keeps_its_watch) {
  asio::io_context loop;
  recorder heard;
  const asio::any_io_executor executor = on(loop, heard);
  EXPECT_EQ(&asio::query(executor, asio::execution::context), &loop);
  const asio::any_io_executor never = asio::require(executor, asio::execution::blocking.never);
  EXPECT_EQ(asio::query(never, asio::execution::blocking), asio::execution::blocking.never);
  never.execute([&] { heard.text += 'x'; });
  const asio::any_io_executor fork = asio::prefer(executor, asio::execution::relationship.fork);
  fork.execute([&] { heard.text += 'y'; });
  loop.run();
  EXPECT_EQ(heard.text, "(x)(y)");
}

TEST(instrumented_executor, equals_one_with_the_same_watch_on_the_same_executor) {
  asio::io_context loop;
  asio::io_context other;
  recorder heard;
  recorder unheard;
  EXPECT_EQ(on(loop, heard), on(loop, heard));
  EXPECT_FALSE(on(loop, heard) == on(loop, unheard));
  EXPECT_FALSE(on(loop, heard) == on(other, heard));
}

}  // namespace
