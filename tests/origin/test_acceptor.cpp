// The listening socket: what it cannot listen on, and what it does without descriptors.

#include <fanout/origin/content.hpp>

#include "origin/descriptor_limit.hpp"
#include "origin/peer.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>

#include <chrono>
#include <string>
#include <system_error>
#include <vector>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using clock = std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct acceptors : origin_test {};

TEST_F(acceptors, lack_of_descriptors_pauses_accepting_and_no_more) {
  std::vector<peer> peers(6);  // sockets of their own, before there are none left
  origin();
  std::vector<int> fillers;
  for (int i = 0; i < 64; ++i) fillers.push_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
  const descriptor_limit lowered(static_cast<rlim_t>(fillers.back()) + 1);
  for (int i = 0; i < 2; ++i) {  // room for two connections
    ::close(fillers.back());
    fillers.pop_back();
  }
  const auto start = clock::now();
  for (peer& each : peers) {
    each.connect(port());
    each.ask("/bytes/3");
  }
  ASSERT_TRUE(wait_until([&] { return origin().statistics().accept_pauses >= 3; }));
  EXPECT_EQ(origin().statistics().connections_accepted, 2u);
  for (peer& each : peers) {
    EXPECT_EQ(each.read_response().body(), "ABC");
    each.close();
  }
  EXPECT_EQ(origin().statistics().connections_accepted, 6u);
  // A server that does not spin pauses for 20 ms each time.
  const auto pauses = static_cast<long>(origin().statistics().accept_pauses);
  EXPECT_LE(pauses, (clock::now() - start) / 20ms + 1);
  for (const int filler : fillers) ::close(filler);
}

template <class Make>
std::string listening_error(Make make) {
  try {
    make();
  } catch (const std::system_error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST_F(acceptors, errors_of_listening_name_address_and_port) {
  const std::uint16_t taken = port();
  EXPECT_THAT(listening_error([&] { background second({.port = taken}); }),
              AllOf(HasSubstr("127.0.0.1"), HasSubstr(std::to_string(taken)), HasSubstr("in use")));
  EXPECT_THAT(listening_error([] { background bad({.address = "not-an-address", .port = 81}); }),
              AllOf(HasSubstr("not-an-address"), HasSubstr("81"), HasSubstr("IP address")));
  EXPECT_THAT(listening_error([] { background foreign({.address = "192.0.2.1"}); }), HasSubstr("192.0.2.1"));
}

}  // namespace
