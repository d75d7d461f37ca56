// The poller of sockets: what it tells, to whom, and what it may not lose.
#include <fanout/base/task.hpp>

#include "http/io/notifier.hpp"
#include "http/io/poller.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using fanout::task;
using fanout::detail::owned_descriptor;
using fanout::http::polled_socket;
using fanout::http::poller;
using fanout::http::readable;
using fanout::http::writable;

/// A watched socket and its peer.
struct pair {
  explicit pair(poller& by) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw std::runtime_error("no socket pair");
    peer = owned_descriptor(ends[1]);
    socket = polled_socket(by, owned_descriptor(ends[0]));
  }
  void send(std::string_view text) const {
    EXPECT_EQ(::write(peer.value(), text.data(), text.size()), std::ssize(text));
  }
  /// What is there, at most `most` bytes; nothing at the end or when there is nothing.
  std::string read(std::size_t most = 100) const {
    std::string text(most, '\0');
    const auto got = ::read(socket.native_handle(), text.data(), text.size());
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

  owned_descriptor peer;
  polled_socket socket;
};

task<void> wait(polled_socket& on, std::uint8_t what, std::optional<boost::system::error_code>& ended) {
  auto waiting = on.wait(what);
  const auto [failed] = co_await std::move(waiting);
  ended = failed;
}

class http_poller : public testing::Test {
 protected:
  /// Spawns a wait; what becomes of it is put into `outcome`.
  void start(polled_socket& on, std::uint8_t what, std::optional<boost::system::error_code>& outcome) {
    asio::co_spawn(loop, wait(on, what, outcome), asio::detached);
  }
  /// Everything that can go on now goes on.
  void settle() {
    loop.restart();
    loop.poll();
  }

  asio::io_context loop{1};
  poller sockets{loop};
  std::optional<boost::system::error_code> ended;
};

TEST_F(http_poller, resumes_who_waits_when_bytes_arrive) {
  const pair one(sockets);
  pair other(sockets);
  start(other.socket, readable, ended);
  settle();
  one.send("not to it");
  settle();
  EXPECT_FALSE(ended);
  other.send("a");
  settle();
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
}

TEST_F(http_poller, remembers_what_was_told_while_nobody_waited) {
  pair one(sockets);
  pair other(sockets);
  std::optional<boost::system::error_code> elsewhere;
  start(other.socket, readable, elsewhere);
  one.send("early");
  other.send("x");
  settle();  // the event of `one` came, too
  ASSERT_TRUE(elsewhere);
  start(one.socket, readable, ended);
  settle();
  ASSERT_TRUE(ended);
  EXPECT_EQ(one.read(), "early");
  // But once only.
  ended.reset();
  start(one.socket, readable, ended);
  settle();
  EXPECT_FALSE(ended);
  one.socket.cancel();
  settle();
}

TEST_F(http_poller, remembers_an_end_for_good) {
  pair one(sockets);
  start(one.socket, readable, ended);
  settle();
  one.send("last");
  one.peer.reset();
  settle();
  ASSERT_TRUE(ended);
  EXPECT_EQ(one.read(), "last");  // and the buffer was not filled: no other edge will come
  for (int i = 0; i < 3; ++i) {
    ended.reset();
    start(one.socket, readable, ended);
    settle();
    ASSERT_TRUE(ended) << i;
    EXPECT_FALSE(*ended);
  }
  EXPECT_TRUE(one.socket.ended());
}

// A peer that only stopped sending still reads.
TEST_F(http_poller, end_of_reading_does_not_make_a_full_socket_writable) {
  pair one(sockets);
  const std::string much(64 * 1024, 'x');
  while (::write(one.socket.native_handle(), much.data(), much.size()) > 0) {
  }
  ::shutdown(one.peer.value(), SHUT_WR);
  start(one.socket, readable, ended);
  settle();
  ASSERT_TRUE(ended);
  std::optional<boost::system::error_code> could_write;
  start(one.socket, writable, could_write);
  settle();
  EXPECT_FALSE(could_write);
  std::string taken(much.size(), '\0');
  while (::read(one.peer.value(), taken.data(), taken.size()) > 0) {
  }
  settle();
  EXPECT_TRUE(could_write);
}

TEST_F(http_poller, what_is_left_unread_ends_the_next_wait) {
  pair one(sockets);
  start(one.socket, readable, ended);
  one.send("abcdef");
  settle();
  ASSERT_TRUE(ended);
  EXPECT_EQ(one.read(3), "abc");
  one.socket.leave_unread();
  ended.reset();
  start(one.socket, readable, ended);
  settle();
  ASSERT_TRUE(ended);
  EXPECT_EQ(one.read(), "def");
}

TEST_F(http_poller, what_is_left_unsent_ends_the_next_wait) {
  pair one(sockets);
  start(one.socket, writable, ended);
  settle();
  ASSERT_TRUE(ended);
  ended.reset();
  start(one.socket, writable, ended);
  settle();
  ASSERT_FALSE(ended) << "nothing new was told";
  one.socket.cancel();
  settle();
  one.socket.leave_unsent();
  ended.reset();
  start(one.socket, writable, ended);
  settle();
  EXPECT_TRUE(ended);
}

TEST_F(http_poller, either_is_whichever_comes_first) {
  pair one(sockets);
  start(one.socket, readable | writable, ended);
  settle();
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
}

TEST_F(http_poller, cancelled_wait_ends_and_keeps_no_loop) {
  pair one(sockets);
  start(one.socket, readable, ended);
  settle();
  one.socket.cancel();
  one.socket.cancel();
  loop.restart();
  loop.run();  // returns: nothing is left to wait for
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, asio::error::operation_aborted);
  ended.reset();
  start(one.socket, readable, ended);
  one.send("x");
  settle();
  ASSERT_TRUE(ended);
  EXPECT_FALSE(*ended);
}

TEST_F(http_poller, cancelling_the_coroutine_ends_its_wait) {
  pair one(sockets);
  asio::cancellation_signal signal;
  asio::co_spawn(loop, wait(one.socket, readable, ended), asio::bind_cancellation_slot(signal.slot(), asio::detached));
  settle();
  signal.emit(asio::cancellation_type::terminal);
  loop.restart();
  loop.run();
  ASSERT_TRUE(ended);
  EXPECT_EQ(*ended, asio::error::operation_aborted);
}

TEST_F(http_poller, who_is_notified_hears_of_everything_until_it_does_not_want_to) {
  pair one(sockets);
  fanout::http::notifier wake(loop);
  int woken = 0;
  asio::co_spawn(
      loop,
      [](fanout::http::notifier& by, int& count) -> task<void> {
        for (; count < 2; ++count) {
          auto sleeping = by.wait();
          co_await std::move(sleeping);
        }
      }(wake, woken),
      asio::detached);
  one.socket.notify(&wake);
  settle();
  EXPECT_EQ(woken, 1);  // it is writable
  one.send("x");
  settle();
  EXPECT_EQ(woken, 2);
  one.socket.notify(nullptr);
  loop.restart();
  loop.run();
}

// The second socket was told of in the same turn.
TEST_F(http_poller, socket_closed_by_the_one_before_it_is_not_told) {
  auto one = std::make_unique<pair>(sockets);
  auto other = std::make_unique<pair>(sockets);
  int turns = 0;
  const auto close_both = [](std::unique_ptr<pair>& mine, std::unique_ptr<pair>& its, int& count) -> task<void> {
    auto waiting = mine->socket.wait(readable);
    co_await std::move(waiting);
    ++count;
    its.reset();
  };
  asio::co_spawn(loop, close_both(one, other, turns), asio::detached);
  settle();
  // Nobody waits for the other: only its event is under way.
  one->send("x");
  other->send("x");
  settle();
  EXPECT_EQ(turns, 1);
  EXPECT_FALSE(other);
}

TEST_F(http_poller, exception_out_of_the_loop_loses_nothing) {
  std::vector<std::unique_ptr<pair>> pairs;
  std::array<int, 5> turns{};
  for (int& each : turns) {
    pairs.push_back(std::make_unique<pair>(sockets));
    asio::co_spawn(
        loop,
        [](polled_socket& on, int& count) -> task<void> {
          auto waiting = on.wait(readable);
          co_await std::move(waiting);
          ++count;
          throw std::runtime_error("out of the loop");
        }(pairs.back()->socket, each),
        [](std::exception_ptr failed) {
          if (failed) std::rethrow_exception(failed);
        });
  }
  settle();
  for (const auto& each : pairs) each->send("x");
  int thrown = 0;
  for (std::size_t i = 0; i < turns.size(); ++i) try {
      settle();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  EXPECT_EQ(thrown, 5);
  for (const int each : turns) EXPECT_EQ(each, 1);
}

TEST_F(http_poller, end_of_the_loop_destroys_the_coroutines_that_wait) {
  auto one = std::make_unique<pair>(sockets);
  const auto alive = std::make_shared<int>(0);
  asio::co_spawn(
      loop,
      [](std::unique_ptr<pair> own, std::shared_ptr<int>) -> task<void> {
        auto waiting = own->socket.wait(readable);
        co_await std::move(waiting);
      }(std::move(one), alive),
      asio::detached);
  settle();
  EXPECT_EQ(alive.use_count(), 2);
  sockets.shut_down();
  settle();  // Asio destroys their frames in a turn of the loop
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
