// Which stream the pool grants to whom, for sessions that carry one exchange at a time and for sessions that carry
// many.
#include "http/pool/session_pool.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

namespace {

using namespace fanout::http;
using namespace std::chrono_literals;

constexpr pool_key_view here{"http://here.test", nullptr, nullptr};
constexpr pool_key_view there{"http://there.test", nullptr, nullptr};

class session_pool_test : public testing::Test {
 protected:
  /// A session over a socket whose other end is `peer_`, the last one's.
  std::unique_ptr<session> opened(std::size_t most_streams) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    peer_ = fanout::detail::owned_descriptor(ends[1]);
    auto made = std::make_unique<session>(polled_socket(sockets_, fanout::detail::owned_descriptor(ends[0])));
    made->most_streams = most_streams;
    return made;
  }

  stream_grant granted(pool_key_view key, std::size_t most_streams = 1) {
    connection_permit permit(pool_, key, limits_, false, wake_);
    EXPECT_TRUE(permit.granted());
    return permit.fill(opened(most_streams));
  }

  stream_grant take(pool_key_view key = here) { return pool_.take(key, now_, 60s, reuse::as_it_is); }
  void put(stream_grant back) { pool_.put(std::move(back), now_, limits_); }
  bool peer_sees_the_end() const {
    char byte;
    return ::recv(peer_.value(), &byte, 1, MSG_DONTWAIT) == 0;
  }

  boost::asio::io_context loop_{1};
  poller sockets_{loop_};
  session_pool pool_{loop_};
  notifier wake_{loop_};
  fanout::detail::owned_descriptor peer_;
  session_pool::clock::time_point now_ = session_pool::clock::now();
  pool_limits limits_{0, 0, 100, 100, 60s};
};

TEST_F(session_pool_test, a_session_of_one_stream_is_granted_to_one_at_a_time) {
  auto first = granted(here);
  EXPECT_FALSE(take()) << "its stream is in use";
  session* const known = &*first;
  put(std::move(first));
  EXPECT_EQ(pool_.idle(), 1u);
  auto second = take();
  ASSERT_TRUE(second);
  EXPECT_EQ(&*second, known);
  EXPECT_TRUE(second->used);
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_FALSE(take(there)) << "another peer's";
}

TEST_F(session_pool_test, a_stream_that_is_dropped_closes_a_session_without_others) {
  granted(here).reset();
  EXPECT_EQ(pool_.open(), 0u);
  EXPECT_TRUE(peer_sees_the_end());
  EXPECT_FALSE(take());
}

TEST_F(session_pool_test, a_session_that_multiplexes_grants_streams_until_it_is_full) {
  auto first = granted(here, 3);
  auto second = take();
  auto third = take();
  ASSERT_TRUE(second);
  ASSERT_TRUE(third);
  EXPECT_EQ(&*first, &*third);
  EXPECT_FALSE(take());
  EXPECT_EQ(pool_.open(), 1u);
  put(std::move(second));
  EXPECT_EQ(pool_.idle(), 0u) << "two exchanges are using it";
  second = take();
  EXPECT_TRUE(second);
  EXPECT_FALSE(take());
  for (auto* const each : {&first, &second, &third}) put(std::move(*each));
  EXPECT_EQ(pool_.idle(), 1u);
  EXPECT_EQ(pool_.open(), 1u);
  EXPECT_TRUE(pool_.close_oldest());
  EXPECT_EQ(pool_.open(), 0u);
  EXPECT_TRUE(peer_sees_the_end());
}

TEST_F(session_pool_test, a_session_given_up_by_one_exchange_ends_with_its_last_stream) {
  auto first = granted(here, 3);
  auto second = take();
  first.reset();
  EXPECT_FALSE(take()) << "no stream is granted there again";
  EXPECT_EQ(pool_.open(), 1u);
  EXPECT_FALSE(peer_sees_the_end()) << "the second stream goes on";
  put(std::move(second));
  EXPECT_EQ(pool_.open(), 0u);
  EXPECT_EQ(pool_.idle(), 0u);
  EXPECT_TRUE(peer_sees_the_end());
}

TEST_F(session_pool_test, a_stream_that_comes_back_is_handed_to_who_waits) {
  limits_.open_per_group = 1;
  for (const std::size_t most_streams : {1u, 2u}) {
    auto first = granted(here, most_streams);
    std::optional<stream_grant> other;
    if (most_streams == 2) other = take();
    session* const known = &*first;
    connection_permit waiting(pool_, here, limits_, false, wake_);
    EXPECT_FALSE(waiting.granted());
    EXPECT_EQ(pool_.waiting(), 1u);
    put(std::move(first));
    ASSERT_TRUE(waiting.granted());
    auto handed = waiting.take_handed();
    ASSERT_TRUE(handed);
    EXPECT_EQ(&*handed, known);
    EXPECT_FALSE(take());
    other.reset();
    handed.reset();
    EXPECT_EQ(pool_.open(), 0u);
  }
}

TEST_F(session_pool_test, a_session_that_others_use_is_not_closed_to_make_room) {
  limits_.open = 1;
  auto first = granted(here, 2);
  auto second = take();
  connection_permit waiting(pool_, there, limits_, false, wake_);
  put(std::move(first));
  EXPECT_FALSE(waiting.granted());
  EXPECT_FALSE(peer_sees_the_end());
  first = take();
  ASSERT_TRUE(first) << "it still grants streams";
  put(std::move(first));
  put(std::move(second));
  EXPECT_TRUE(waiting.granted()) << "now it made room";
  EXPECT_TRUE(peer_sees_the_end());
  EXPECT_EQ(pool_.idle(), 0u);
}

TEST_F(session_pool_test, of_too_many_idle_sessions_the_one_unused_for_longest_goes) {
  limits_.idle_per_group = 1;
  auto busy = granted(here, 2);
  auto old = granted(here);
  put(std::move(old));
  const auto its_peer = std::exchange(peer_, {});
  auto recent = granted(here);
  session* const known = &*recent;
  put(std::move(recent));
  EXPECT_EQ(pool_.open(), 2u);
  EXPECT_EQ(pool_.idle(), 1u);
  char byte;
  EXPECT_EQ(::recv(its_peer.value(), &byte, 1, MSG_DONTWAIT), 0);
  auto taken = take();
  EXPECT_EQ(&*taken, known);
}

// The end of a connection may be under way behind the last response, where no look at the socket sees it.
TEST_F(session_pool_test, who_cannot_send_twice_waits_for_proof_that_sessions_stay_open) {
  const auto take_surely = [&] { return pool_.take(here, now_, 60s, reuse::looked_at, limits_); };
  put(granted(here));
  EXPECT_FALSE(take_surely()) << "it has answered once, just now";
  EXPECT_EQ(pool_.idle(), 1u) << "it stays for others";
  now_ += 30ms;
  auto quiet = take_surely();
  ASSERT_TRUE(quiet) << "it has stayed open for a while";
  put(std::move(quiet));
  auto again = take_surely();
  EXPECT_TRUE(again) << "and is known to";
  again.reset();
  put(granted(here));
  EXPECT_FALSE(take_surely()) << "until a session of its peer was lost";
  put(take());
  EXPECT_TRUE(take_surely()) << "one that carries a second exchange is proof, too";
}

TEST_F(session_pool_test, who_cannot_send_twice_takes_what_there_is_where_no_more_may_be_opened) {
  limits_.open_per_group = 1;
  put(granted(here));
  EXPECT_TRUE(pool_.take(here, now_, 60s, reuse::looked_at, limits_));
  limits_.open_per_group = 0;
  limits_.open = 1;
  put(granted(here));
  EXPECT_TRUE(pool_.take(here, now_, 60s, reuse::looked_at, limits_));
}

TEST_F(session_pool_test, who_cannot_send_twice_is_handed_no_session_that_was_closed) {
  limits_.open_per_group = 1;
  for (const reuse how : {reuse::as_it_is, reuse::looked_at}) {
    auto busy = granted(here);
    connection_permit waiting(pool_, here, limits_, false, wake_, how);
    peer_ = {};
    put(std::move(busy));
    EXPECT_TRUE(waiting.granted());
    EXPECT_EQ(static_cast<bool>(waiting.take_handed()), how == reuse::as_it_is);
  }
}

TEST_F(session_pool_test, a_peer_that_has_closed_is_found_out_after_a_while) {
  put(granted(here));
  peer_ = {};
  now_ += 10ms;
  EXPECT_FALSE(take());
  EXPECT_EQ(pool_.open(), 0u);
}

}  // namespace
