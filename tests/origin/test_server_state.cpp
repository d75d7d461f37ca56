// What a server's accept loop and its connections share.

#include <fanout/base/failure.hpp>

#include "origin/server_state.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace fanout::origin;

TEST(counter, counts_up_and_down_and_keeps_a_peak) {
  counter one;
  ++one;
  ++one;
  --one;
  EXPECT_EQ(one.value(), 1U);
  one.at_least(5);
  EXPECT_EQ(one.value(), 5U);
  one.at_least(3);
  EXPECT_EQ(one.value(), 5U);
}

TEST(counter, is_read_by_other_threads_while_it_counts) {
  counter one;
  std::jthread reader([&] {
    std::uint64_t last = 0;
    while (last < 100'000) {
      const std::uint64_t now = one.value();
      EXPECT_GE(now, last);
      last = now;
    }
  });
  for (int i = 0; i < 100'000; ++i) ++one;
}

TEST(server_state, has_an_identity_only_with_tls) {
  asio::io_context loop;
  const server_state plain(loop, {});
  EXPECT_EQ(plain.tls.context, nullptr);
  EXPECT_EQ(plain.tls.certificate_pem, "");
  const server_state secured(loop, {.tls = true});
  EXPECT_NE(secured.tls.context, nullptr);
  EXPECT_TRUE(secured.tls.certificate_pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

TEST(server_state, a_certificate_needs_its_key_and_the_reverse) {
  asio::io_context loop;
  EXPECT_THROW(server_state(loop, {.tls = true, .certificate_file = "a"}), fanout::error);
  EXPECT_THROW(server_state(loop, {.tls = true, .key_file = "a"}), fanout::error);
  EXPECT_NO_THROW(server_state(loop, {.tls = false, .key_file = "a"})) << "without TLS it is of no interest";
}

class listed_connection final : public open_connection {
 public:
  void abort() override {}
};

TEST(server_state, a_connection_leaves_the_list_when_it_goes) {
  asio::io_context loop;
  server_state state(loop, {});
  {
    listed_connection one;
    state.connections.push_back(one);
    EXPECT_FALSE(state.connections.empty());
  }
  EXPECT_TRUE(state.connections.empty());
}

}  // namespace
