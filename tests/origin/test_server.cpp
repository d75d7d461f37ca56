#include <fanout/origin/content.hpp>

#include "origin/descriptor_limit.hpp"
#include "origin/peer.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using clock = std::chrono::steady_clock;
using ::testing::HasSubstr;

struct server_test : origin_test {};

std::uint64_t peak_memory_kb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  return 0;
}

TEST_F(server_test, urls_name_scheme_address_and_port) {
  const std::string port_text = std::to_string(port());
  EXPECT_EQ(origin().url(), "http://127.0.0.1:" + port_text + "/");
  EXPECT_EQ(origin().url("/bytes/1"), "http://127.0.0.1:" + port_text + "/bytes/1");
  EXPECT_EQ(origin().certificate_pem(), "");
  const background any({.address = "0.0.0.0"});
  EXPECT_EQ(any.url(""), "http://127.0.0.1:" + std::to_string(any.port()));
  const background named({.address = "localhost"});
  EXPECT_EQ(named.url(""), "http://127.0.0.1:" + std::to_string(named.port()));
}

TEST_F(server_test, large_bodies_are_streamed_and_block_nobody) {
  constexpr std::uint64_t size = 300'000'000;
  const std::uint64_t before = peak_memory_kb();
  peer slow(port());
  slow.ask("/bytes/" + std::to_string(size), "GET", "Connection: close\r\n");
  EXPECT_EQ(peer(port()).get("/bytes/3").body(), "ABC");  // while `slow` reads nothing
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    char byte = 0;
    ASSERT_EQ(slow.read_some(&byte, 1), 1);
    head += byte;
  }
  std::vector<char> part(64 * 1024);
  std::uint64_t offset = 0;
  for (;;) {
    const long received = slow.read_some(part.data(), part.size());
    if (received <= 0) break;
    const std::string_view bytes(part.data(), static_cast<std::size_t>(received));
    ASSERT_EQ(bytes, content_block(offset).substr(0, bytes.size())) << "at " << offset;
    offset += bytes.size();
  }
  EXPECT_EQ(offset, size);
  EXPECT_LT(peak_memory_kb() - before, 50'000u);
}

TEST_F(server_test, two_thousand_connections_on_one_thread) {
  constexpr std::size_t many = 2000;
  const descriptor_limit raised(2 * many + 200);
  if (raised.now() < 2 * many + 200) GTEST_SKIP() << "only " << raised.now() << " descriptors are allowed here";
  fanout::test::settle_sanitizer();
  const std::size_t threads = fanout::test::live_threads();
  origin();
  EXPECT_EQ(fanout::test::live_threads(), threads + 1);
  std::vector<peer> peers;
  for (std::size_t i = 0; i < many; ++i) peers.emplace_back(port());
  for (int round = 0; round < 2; ++round) {
    for (peer& each : peers) each.ask("/delay/1");
    for (peer& each : peers) ASSERT_EQ(each.read_response().result_int(), 200u);
  }
  for (peer& each : peers) each.ask("/never");
  ASSERT_TRUE(wait_until([&] { return origin().statistics().requests_waiting == many; }));
  EXPECT_EQ(peer(port()).get("/bytes/3").body(), "ABC");
  EXPECT_EQ(fanout::test::live_threads(), threads + 1);
  const auto seen = origin().statistics();
  EXPECT_EQ(seen.connections_accepted, many + 1);
  EXPECT_EQ(seen.requests, 3 * many + 1);
  EXPECT_EQ(seen.peak_waiting, many);
  peers.clear();
  EXPECT_TRUE(wait_until([&] { return origin().statistics().connections_open == 0; }));
}

TEST_F(server_test, close_ends_connections_in_every_state_at_once) {
  std::vector<peer> peers;
  for (const char* target : {"/never", "/delay/3600000", "/drip?bytes=10&ms=3600000", "/bytes/1000000000",
                             "/chunked/1000000000", "/bytes/1"}) {
    peers.emplace_back(port());
    peers.back().ask(target);
  }
  EXPECT_EQ(peers.back().read_response().body(), "A");  // idle from here on
  peers.emplace_back(port());                           // never says anything
  peers.emplace_back(port());
  peers.back().send("GET /bytes/1 HT");
  ASSERT_TRUE(wait_until([&] {
    const auto seen = origin().statistics();
    return seen.connections_open == 8 && seen.requests_waiting == 3;
  }));
  origin().close();  // returns in less than an hour, or the test times out
  EXPECT_EQ(origin().statistics().connections_open, 0u);
  for (peer& each : peers) each.read_to_end();
  EXPECT_THROW(peer{port()}, std::runtime_error);
}

TEST_F(server_test, a_server_lives_on_the_callers_loop) {
  fanout::asio::io_context loop;
  server one(loop, {});
  peer client(one.port());  // accepted by the kernel; the loop does not run yet
  client.ask("/bytes/3");
  std::thread reader([&] {
    EXPECT_EQ(client.read_response().body(), "ABC");
    boost::asio::post(loop, [&] { one.close(); });
  });
  loop.run();  // returns once the server has closed
  reader.join();
  EXPECT_EQ(one.statistics().connections_open, 0u);
}

TEST_F(server_test, a_loop_may_be_destroyed_with_connections_open) {
  auto loop = std::make_unique<fanout::asio::io_context>();
  auto one = std::make_unique<server>(*loop, options{});
  peer waiting(one->port()), idle(one->port());
  waiting.ask("/delay/3600000");
  idle.ask("/bytes/1");
  while (one->statistics().requests < 2) loop->run_one();
  one.reset();
  loop.reset();
  EXPECT_EQ(waiting.read_to_end().bytes, "");
}

}  // namespace
