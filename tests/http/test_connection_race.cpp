// Several addresses, of which one wins (RFC 8305).
#include <fanout/http/exchange_observer.hpp>

#include "http/dns/address_order.hpp"
#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;

using race = http_test;

/// An address at which connections neither succeed nor fail: a listener whose queue is full.
class black_hole {
 public:
  black_hole(const char* address, std::uint16_t port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    where_.sin_family = AF_INET;
    where_.sin_port = htons(port);
    ::inet_pton(AF_INET, address, &where_.sin_addr);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&where_), sizeof where_) != 0 || ::listen(listener_, 0) != 0)
      throw std::runtime_error("no black hole");
    // The queue holds one more than the backlog; connections beyond it stay half open.
    for (int& each : fillers_) {
      each = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      ::connect(each, reinterpret_cast<sockaddr*>(&where_), sizeof where_);
    }
  }
  black_hole(const black_hole&) = delete;
  ~black_hole() {
    for (const int each : fillers_) ::close(each);
    ::close(listener_);
  }

 private:
  sockaddr_in where_{};
  int listener_;
  int fillers_[3];
};

client_options given(const scripted_server& server, const std::string& addresses) {
  client_options options;
  options.resolve = {"many.test:" + std::to_string(server.port()) + ":" + addresses};
  return options;
}

TEST_F(race, an_address_that_refuses_is_passed_over) {
  scripted_server server(always(ok("x")));
  const auto answer = fetch(server.url("/", "many.test"), given(server, "127.0.0.2,127.0.0.3,127.0.0.1"));
  EXPECT_EQ(answer.body, "x");
  EXPECT_EQ(answer.measured.remote_address, "127.0.0.1:" + std::to_string(server.port()));
}

TEST_F(race, an_address_that_is_silent_holds_up_the_next_for_a_quarter_second) {
  scripted_server server(always(ok("x")));
  black_hole silent("127.0.0.2", server.port());
  asio::io_context loop(1);
  const auto answer = get_on(loop, client(given(server, "127.0.0.2,127.0.0.1")), server.url("/", "many.test"));
  EXPECT_EQ(answer.body, "x");
  EXPECT_GE(answer.measured.connect, 250ms);
  auto& state = fanout::http::loop_state::of(loop.get_executor());
  EXPECT_EQ(state.deadlines().size(), 0u);
  EXPECT_EQ(state.pool().open(), 1u) << "the loser is closed";
}

TEST_F(race, all_lose) {
  scripted_server server(always(""));
  const auto failed =
      failure_of([&] { fetch(server.url("/", "many.test"), given(server, "127.0.0.2,127.0.0.3,::1")); });
  EXPECT_EQ(failed.kind, failure_kind::connect);
  EXPECT_THAT(failed.message, HasSubstr("127.0.0.2: Connection refused"));
  EXPECT_THAT(failed.message, HasSubstr("127.0.0.3: Connection refused"));
  EXPECT_THAT(failed.message, HasSubstr("::1: "));
}

TEST_F(race, is_told_to_who_looks_on) {
  struct looker final : fanout::http::exchange_observer {
    void on_lookup(std::string_view host) override { text += "look up " + std::string(host) + "\n"; }
    void on_attempt(std::string_view address) override { text += "try " + std::string(address) + "\n"; }
    void on_failed_attempt(std::string_view address, std::string_view why) override {
      text += std::string(address) + ": " + std::string(why) + "\n";
    }
    void on_request(const fanout::http::sent_request&) override { text += "sent\n"; }
    void on_response(const fanout::http::response&) override { text += "answered\n"; }
    std::string text;
  } seen;
  scripted_server server(always(ok("x")));
  fanout::http::request what;
  what.url = fanout::http::url(server.url("/", "many.test"));
  what.observer = &seen;
  asio::io_context loop(1);
  run_on(loop, client(given(server, "127.0.0.2,127.0.0.1")).send(what));
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(seen.text, "try 127.0.0.2:" + port + "\n127.0.0.2:" + port + ": Connection refused\ntry 127.0.0.1:" + port +
                           "\nsent\nanswered\n");
  seen.text.clear();
  what.url = fanout::http::url(server.url("/", "localhost"));
  run_on(loop, client::shared().send(what));
  EXPECT_THAT(seen.text, testing::StartsWith("look up localhost\ntry "));
}

TEST_F(race, only_silence_is_a_timeout) {
  scripted_server server(always(""));
  black_hole silent("127.0.0.2", server.port()), other("127.0.0.3", server.port());
  auto options = given(server, "127.0.0.2,127.0.0.3");
  options.connect_timeout = 300ms;  // so that both are under way
  const auto failed = failure_of([&] { fetch(server.url("/", "many.test"), options); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("connect timeout"));
}

TEST_F(race, an_ipv6_answer_that_is_late_does_not_hold_up_ipv4_that_works) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"both.test", {"127.0.0.1", 0, "::1"}}});
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor()).names().use_servers(names.address());
  // Nobody listens on ::1.
  EXPECT_EQ(get_on(loop, client::shared(), server.url("/", "both.test")).body, "x");
}

std::vector<std::string> in_turn(std::initializer_list<const char*> v6, std::initializer_list<const char*> v4) {
  fanout::http::address_list six, four;
  for (const auto* each : v6) six.push_back(asio::ip::make_address(each));
  for (const auto* each : v4) four.push_back(asio::ip::make_address(each));
  std::vector<std::string> result;
  for (const auto& each : fanout::http::in_turn(six, four)) result.push_back(each.to_string());
  return result;
}

TEST_F(race, families_take_turns) {
  using testing::ElementsAre;
  EXPECT_THAT(in_turn({"2600::1", "2600::2", "2600::3"}, {"1.1.1.1", "1.1.1.2"}),
              ElementsAre("2600::1", "1.1.1.1", "2600::2", "1.1.1.2", "2600::3"));
  EXPECT_THAT(in_turn({}, {"1.1.1.1", "1.1.1.2"}), ElementsAre("1.1.1.1", "1.1.1.2"));
  EXPECT_THAT(in_turn({"2600::1"}, {}), ElementsAre("2600::1"));
  EXPECT_THAT(in_turn({"fd00::1", "2002::1", "2600::1", "2001::1"}, {"1.1.1.1"}),
              ElementsAre("2600::1", "1.1.1.1", "fd00::1", "2002::1", "2001::1"));
  EXPECT_THAT(in_turn({"::1"}, {"127.0.0.1"}), ElementsAre("::1", "127.0.0.1"));
}

}  // namespace
