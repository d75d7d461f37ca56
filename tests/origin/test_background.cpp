// An origin on a thread of its own.

#include <fanout/origin/background.hpp>

#include "origin/peer.hpp"
#include "support/leaks.hpp"

#include <gtest/gtest.h>

#include <string>
#include <system_error>

namespace {

using namespace fanout::origin;
using fanout::origin::testing::peer;

class backgrounds : public fanout::test::leak_checked {};

TEST_F(backgrounds, one_listens_when_it_is_made_and_ends_with_its_object) {
  std::uint16_t port = 0;
  {
    const background origin;
    port = origin.port();
    EXPECT_EQ(peer(port).get("/bytes/3").body(), "ABC");
    EXPECT_EQ(origin.statistics().requests, 1U);
    EXPECT_EQ(origin.url("/x"), "http://127.0.0.1:" + std::to_string(port) + "/x");
  }
  EXPECT_THROW(peer{port}, std::runtime_error) << "nobody listens there any more";
}

TEST_F(backgrounds, closing_one_ends_its_connections_and_may_be_done_again) {
  background origin;
  peer waiting(origin.port());
  waiting.ask("/never");
  origin.close();
  EXPECT_EQ(waiting.read_to_end().bytes, "");
  EXPECT_EQ(origin.statistics().connections_open, 0U);
  origin.close();
}

TEST_F(backgrounds, several_live_side_by_side) {
  const background one;
  const background other;
  EXPECT_NE(one.port(), other.port());
  EXPECT_EQ(peer(one.port()).get("/bytes/1").body(), "A");
  EXPECT_EQ(peer(other.port()).get("/bytes/1").body(), "A");
}

TEST_F(backgrounds, what_the_server_throws_is_thrown_and_leaves_no_thread) {
  EXPECT_THROW(background({.address = "not-an-address"}), std::system_error);
}

}  // namespace
