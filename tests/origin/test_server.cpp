#include <fanout/origin/content.hpp>

#include "origin/peer.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <sys/resource.h>

#include <fstream>
#include <system_error>

namespace {

using namespace fanout::origin;
using namespace fanout::origin::testing;
using clock = std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;

struct server_test : origin_test {};

/// Sets the soft limit on descriptors, and puts it back.
class descriptor_limit {
 public:
  explicit descriptor_limit(rlim_t wanted) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit changed = before_;
    changed.rlim_cur = std::min(wanted, before_.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &changed);
    now_ = changed.rlim_cur;
  }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  rlim_t now() const { return now_; }

 private:
  rlimit before_{};
  rlim_t now_ = 0;
};

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

TEST_F(server_test, a_connection_serves_many_requests) {
  peer one(port());
  for (int i = 0; i < 50; ++i) ASSERT_EQ(one.get("/bytes/10").body(), content(0, 10));
  EXPECT_EQ(one.get("/chunked/10").body(), content(0, 10));
  EXPECT_EQ(one.get("/bytes/500000").body(), content(0, 500'000));
  EXPECT_EQ(one.get("/delay/1").result_int(), 200u);
  EXPECT_EQ(one.get("/no-such").result_int(), 404u);
  const auto seen = origin().statistics();
  EXPECT_EQ(seen.connections_accepted, 1u);
  EXPECT_EQ(seen.connections_open, 1u);
  EXPECT_EQ(seen.requests, 54u);
}

TEST_F(server_test, pipelined_requests_are_answered_in_order) {
  peer one(port());
  std::string all;
  for (int i = 0; i < 500; ++i)
    all += "GET /" +
           std::string(i % 10 == 5   ? "delay/1"
                       : i % 10 == 7 ? "chunked/70000"
                                     : "bytes/") +
           (i % 10 == 5 || i % 10 == 7 ? "" : std::to_string(i)) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  std::thread sender([&] { one.send(all); });
  for (std::size_t i = 0; i < 500; ++i) {
    const auto page = one.read_response();
    const std::size_t size = i % 10 == 7 ? 70'000 : i;
    ASSERT_EQ(page.body(), i % 10 == 5 ? "waited 1 ms\n" : content(0, size)) << i;
  }
  sender.join();
  EXPECT_EQ(origin().statistics().requests, 500u);
}

TEST_F(server_test, a_request_may_arrive_byte_by_byte) {
  peer one(port());
  const std::string_view request = "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  for (const char c : request) one.send({&c, 1});
  EXPECT_THAT(one.read_response().body(), HasSubstr(R"("body":"abc")"));
}

TEST_F(server_test, the_connection_ends_when_the_client_asks_for_it) {
  peer one(port());
  one.ask("/bytes/3", "GET", "Connection: close\r\n");
  EXPECT_FALSE(one.read_response().keep_alive());
  EXPECT_EQ(one.read_to_end().error, 0);

  peer old(port());
  old.send("GET /chunked/3 HTTP/1.0\r\n\r\n");
  const auto all = old.read_to_end();
  EXPECT_THAT(all.bytes, ::testing::EndsWith("\r\n\r\nABC"));  // no chunks for 1.0
  EXPECT_EQ(all.error, 0);

  peer lasting(port());
  for (int i = 0; i < 2; ++i) {
    lasting.send("GET /bytes/3 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const auto page = lasting.read_response();
    EXPECT_EQ(page[http::field::connection], "keep-alive");
    EXPECT_EQ(page.body(), "ABC");
  }
}

TEST_F(server_test, requests_sent_before_a_half_close_are_answered) {
  peer one(port());
  one.send("GET /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\nGET /bytes/200000 HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(one.descriptor(), SHUT_WR);
  EXPECT_EQ(one.read_response().body(), "ABC");
  EXPECT_EQ(one.read_response().body(), content(0, 200'000));
  EXPECT_EQ(one.read_to_end().error, 0);
}

TEST_F(server_test, what_is_not_http_is_refused_with_a_reason) {
  for (const char* nonsense : {"hello\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n",
                               "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"}) {
    peer one(port());
    one.send(nonsense);
    const auto page = one.read_response();
    EXPECT_EQ(page.result_int(), 400u) << nonsense;
    EXPECT_FALSE(page.keep_alive());
    ::shutdown(one.descriptor(), SHUT_WR);
    EXPECT_EQ(one.read_to_end().error, 0);
  }
}

TEST_F(server_test, limits_on_requests_are_refusals_that_arrive) {
  start({.max_body_bytes = 1000});
  peer large(port());
  large.ask("/echo", "POST", "Content-Length: 100000\r\n");
  large.send(std::string(100'000, 'x'));  // closing at once would answer these with RST
  EXPECT_EQ(large.read_response().result_int(), 413u);
  ::shutdown(large.descriptor(), SHUT_WR);
  EXPECT_EQ(large.read_to_end().error, 0);

  peer exact(port());
  exact.ask("/echo", "POST", "Content-Length: 1000\r\n");
  exact.send(std::string(1000, 'x'));
  EXPECT_EQ(exact.read_response().result_int(), 200u);

  peer heavy(port());
  heavy.send("GET / HTTP/1.1\r\nX: " + std::string(100'000, 'x'));
  EXPECT_EQ(heavy.read_response().result_int(), 431u);
  ::shutdown(heavy.descriptor(), SHUT_WR);
  EXPECT_EQ(heavy.read_to_end().error, 0);
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

TEST_F(server_test, lack_of_descriptors_pauses_accepting_and_no_more) {
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
std::string message_of(Make make) {
  try {
    make();
  } catch (const std::system_error& failed) {
    return failed.what();
  }
  return "nothing was thrown";
}

TEST_F(server_test, errors_of_listening_name_address_and_port) {
  const std::uint16_t taken = port();
  EXPECT_THAT(message_of([&] { background second({.port = taken}); }),
              AllOf(HasSubstr("127.0.0.1"), HasSubstr(std::to_string(taken)), HasSubstr("in use")));
  EXPECT_THAT(message_of([] { background bad({.address = "not-an-address", .port = 81}); }),
              AllOf(HasSubstr("not-an-address"), HasSubstr("81"), HasSubstr("IP address")));
  EXPECT_THAT(message_of([] { background foreign({.address = "192.0.2.1"}); }), HasSubstr("192.0.2.1"));
}

}  // namespace
