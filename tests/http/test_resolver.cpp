#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"
#include "support/temporary_directory.hpp"

#include <boost/asio/detached.hpp>

#include <algorithm>

namespace {

using namespace fanout_test;
using fanout::failure_kind;
using fanout::http::client_options;
using fanout_test::by_version::client;
using testing::HasSubstr;

class dns : public http_test {
 protected:
  dns() {
    // Returned connections are closed, so that each request looks its host up.
    options_.max_idle_connections = 0;
  }
  void use(asio::io_context& loop, const fake_name_server& names) {
    fanout::http::loop_state::of(loop.get_executor()).names().use_servers(names.address());
  }
  client_options options_;
};

TEST_F(dns, names_are_looked_up_and_kept_as_long_as_their_ttl) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"kept.test", {"127.0.0.1", 300}}, {"fresh.test", {"127.0.0.1", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  const client through(options_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get_on(loop, through, server.url("/", "kept.test")).body, "x");
  EXPECT_EQ(names.queries(), 1);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get_on(loop, through, server.url("/", "fresh.test")).body, "x");
  EXPECT_EQ(names.queries(), 4);
}

TEST_F(dns, that_a_host_does_not_exist_is_kept_for_a_short_while) {
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), "http://nosuch.test/"); }).kind, failure_kind::dns);
  EXPECT_EQ(names.queries(), 1);
}

TEST_F(dns, ipv4_does_not_wait_long_for_ipv6) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"mute6.test", {"127.0.0.1", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  const auto answer = get_on(loop, client(options_), server.url("/", "mute6.test"));
  EXPECT_EQ(answer.body, "x");
  EXPECT_GE(answer.measured.name_lookup, 50ms) << "RFC 8305's resolution delay";
  EXPECT_LT(answer.measured.name_lookup, 2s) << "and not the name server's";
}

TEST_F(dns, a_host_with_no_address_at_all) {
  fake_name_server names({{"empty.test", {"", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://empty.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::dns);
  EXPECT_THAT(failed.message, HasSubstr("'empty.test' has no address"));
}

TEST_F(dns, the_hosts_file_comes_first) {
  scripted_server server(always(ok("x")));
  fake_name_server names({});
  fanout_test::temporary_directory directory;
  asio::io_context loop(1);
  use(loop, names);
  fanout::http::loop_state::of(loop.get_executor())
      .names()
      .use_hosts_file(directory.write("hosts", "127.0.0.1 filed.test\n"));
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "filed.test")).body, "x");
  EXPECT_EQ(names.queries(), 0);
}

TEST_F(dns, given_addresses_replace_the_look_up) {
  scripted_server server(always(ok("x")));
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  options_.resolve = {"given.test:" + std::to_string(server.port()) + ":127.0.0.1"};
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "given.test")).body, "x");
  EXPECT_EQ(names.queries(), 0);
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), "http://given.test:1/"); }).kind, failure_kind::dns)
      << "they are given for one port";
}

TEST_F(dns, more_names_than_leave_at_once) {
  scripted_server server(always(ok("x")));
  std::map<std::string, fake_name_server::record> known;
  for (int i = 0; i < 500; ++i) known["host" + std::to_string(i) + ".test"] = {"127.0.0.1", 300};
  fake_name_server names(known);
  asio::io_context loop(1);
  use(loop, names);
  options_.max_connections = 8;
  const client through(options_);
  int done = 0;
  for (const auto& [name, record] : known)
    asio::co_spawn(loop, through.get(server.url("/", name)), [&](std::exception_ptr failed, const auto&) {
      EXPECT_EQ(failed, nullptr);
      ++done;
    });
  loop.run();
  EXPECT_EQ(done, 500);
  EXPECT_EQ(names.queries(), 500);
}

// Of what c-ares asks three times, 2.7 % stay without an answer; those are asked for again, twice.
TEST_F(dns, a_network_that_loses_three_of_ten_packets_costs_time_and_no_names) {
  scripted_server server(always(ok("x")));
  constexpr int names_in_all = 1'000;
  std::map<std::string, fake_name_server::record> known;
  for (int i = 0; i < names_in_all; ++i) known["host" + std::to_string(i) + ".test"] = {"127.0.0.1", 300};
  fake_name_server names(known);
  names.drop(300);
  const fanout_test::temporary_directory directory;
  asio::io_context loop(1);
  auto& resolver = fanout::http::loop_state::of(loop.get_executor()).names();
  resolver.use_settings_file(directory.write("resolv.conf", "options timeout:1 attempts:3\n"));
  resolver.use_servers(names.address());
  options_.max_connections = 64;
  const client through(options_);
  int done = 0;
  int failed_names = 0;
  for (const auto& [name, record] : known)
    asio::co_spawn(loop, through.get(server.url("/", name)), [&](const std::exception_ptr& failed, const auto&) {
      ++done;
      failed_names += failed != nullptr;
    });
  loop.run();
  EXPECT_EQ(done, names_in_all);
  EXPECT_LE(failed_names, names_in_all / 1'000);
  EXPECT_GT(names.queries(), names_in_all * 13 / 10) << "so many were lost";
}

TEST_F(dns, equal_look_ups_under_way_are_one) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"fresh.test", {"127.0.0.1", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  const client through(options_);
  int done = 0;
  for (int i = 0; i < 20; ++i)
    asio::co_spawn(loop, through.get(server.url("/", "fresh.test")), [&](std::exception_ptr failed, const auto&) {
      if (!failed) ++done;
    });
  loop.run();
  EXPECT_EQ(done, 20);
  EXPECT_EQ(names.queries(), 1);
}

TEST_F(dns, a_host_that_does_not_exist) {
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://nosuch.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::dns);
  EXPECT_THAT(failed.message, HasSubstr("there is no host 'nosuch.test'"));
}

// The server was reached, and it is not the caller's /etc/resolv.conf that is wrong.
TEST_F(dns, what_a_name_server_answers_instead_of_addresses_is_told) {
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://servfail.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::dns);
  EXPECT_THAT(failed.message, HasSubstr("the name server failed to look up 'servfail.test' (it answered SERVFAIL)"));
  EXPECT_THAT(failure_of([&] { get_on(loop, client(options_), "http://refused.test/"); }).message,
              HasSubstr("the name server refuses to look up 'refused.test' (it answered REFUSED)"));
  const int before = names.queries();
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), "http://servfail.test/"); }).kind, failure_kind::dns);
  EXPECT_GT(names.queries(), before) << "it may be over, so it is not kept";
}

TEST_F(dns, a_name_server_that_is_overloaded_is_asked_again_and_one_that_knows_no_such_host_is_not) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"busy.test", {"127.0.0.1", 300}}});
  asio::io_context loop(1);
  use(loop, names);
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "busy.test")).body, "x");
  const int before = names.queries();
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), "http://nosuch.test/"); }).kind, failure_kind::dns);
  EXPECT_EQ(names.queries(), before + 1);
}

TEST_F(dns, retries_of_look_ups_have_a_budget) {
  fake_name_server names({});
  const client through(options_);
  const auto queries_for = [&](int hosts) {
    asio::io_context loop(1);
    use(loop, names);
    const int before = names.queries();
    int failed = 0;
    for (int i = 0; i < hosts; ++i)
      asio::co_spawn(loop, through.get("http://servfail" + std::to_string(i) + ".test/"),
                     [&](const std::exception_ptr& why, const auto&) { failed += why ? 1 : 0; });
    loop.run();
    EXPECT_EQ(failed, hosts);
    return names.queries() - before;
  };
  const int of_one = queries_for(1);  // asked about three times
  EXPECT_EQ(of_one % 3, 0);
  // Both families share 50 retries, and a tenth of 400.
  EXPECT_LE(queries_for(200), (200 + 50 + 40) * of_one / 3);
}

TEST_F(dns, only_so_many_queries_are_under_way) {
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  options_.connect_timeout = 600ms;
  const client through(options_);
  auto& resolver = fanout::http::loop_state::of(loop.get_executor()).names();
  for (int i = 0; i < 2'000; ++i)
    asio::co_spawn(loop, through.get("http://silent" + std::to_string(i) + ".test/"), asio::detached);
  std::size_t most = 0;
  while (loop.run_one() > 0) most = std::max(most, resolver.under_way());
  EXPECT_GT(most, 128U);
  EXPECT_LE(most, 1'000U);
  EXPECT_EQ(resolver.under_way(), 0U);
}

// Another server may know: what one of them answers is passed over.
TEST_F(dns, a_server_that_refuses_is_passed_over) {
  scripted_server server(always(ok("x")));
  fake_name_server refuses({}), knows({{"refused.test", {"127.0.0.1", 300}}});
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor()).names().use_servers(refuses.address() + "," + knows.address());
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "refused.test")).body, "x");
}

TEST_F(dns, the_options_of_resolv_conf_are_heeded) {
  scripted_server server(always(ok("x")));
  temporary_directory directory;
  fake_name_server names({{"host.inner.test", {"127.0.0.1", 300}}, {"a.host.inner.test", {"127.0.0.1", 300}}});
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor())
      .names()
      .use_settings_file(directory.write(
          "resolv.conf", "nameserver 127.0.0.1\nsearch inner.test\noptions timeout:1 attempts:1 ndots:2\n"));
  use(loop, names);
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "host")).body, "x");
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "a.host")).body, "x");
  EXPECT_THAT(failure_of([&] { get_on(loop, client(options_), "http://host./"); }).message,
              HasSubstr("no host 'host.'"));
  const auto begin = std::chrono::steady_clock::now();
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://silent.for.good.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::dns);
  EXPECT_THAT(failed.message, HasSubstr("no name server answered the look-up of 'silent.for.good.test'"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << "5 seconds, four times, without the options";
}

TEST_F(dns, rotation_asks_all_servers) {
  temporary_directory directory;
  for (const bool rotates : {false, true}) {
    fake_name_server one({}), other({});
    asio::io_context loop(1);
    auto& names = fanout::http::loop_state::of(loop.get_executor()).names();
    names.use_settings_file(directory.write("resolv.conf", rotates ? "options rotate\n" : "nameserver 127.0.0.1\n"));
    names.use_servers(one.address() + "," + other.address());
    for (int i = 0; i < 8; ++i)
      failure_of([&] { get_on(loop, client(options_), "http://nosuch" + std::to_string(i) + ".test/"); });
    EXPECT_EQ(other.queries() > 0, rotates);
    EXPECT_EQ(one.queries() + other.queries(), 8);
  }
}

TEST_F(dns, no_name_server_there) {
  std::string address;
  {
    fake_name_server gone({});
    address = gone.address();
  }
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor()).names().use_servers(address);
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://any.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::dns);
  EXPECT_THAT(failed.message, HasSubstr("any.test"));
}

TEST_F(dns, a_name_server_that_never_answers_is_a_timeout_and_keeps_no_loop_running) {
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  options_.connect_timeout = 30ms;
  const auto begin = std::chrono::steady_clock::now();
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://silent.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("silent.test:80"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << "the look-up itself would go on for longer";
}

TEST_F(dns, a_look_up_has_a_limit_of_its_own) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"fine.test", {"127.0.0.1", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  options_.resolve_timeout = 30ms;
  const auto failed = failure_of([&] { get_on(loop, client(options_), "http://silent.test/"); });
  EXPECT_EQ(failed.kind, failure_kind::timeout);
  EXPECT_THAT(failed.message, HasSubstr("silent.test:80 took longer than 30ms (resolve timeout)"));
  options_.resolve_timeout = 60s;
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "fine.test")).body, "x");
}

TEST_F(dns, one_that_gives_up_does_not_disturb_the_others) {
  scripted_server server(always(ok("x")));
  fake_name_server names({{"fine.test", {"127.0.0.1", 0}}});
  asio::io_context loop(1);
  use(loop, names);
  client_options impatient = options_;
  impatient.connect_timeout = 30ms;
  int failures = 0, answers = 0;
  asio::co_spawn(loop, client(impatient).get("http://silent.test/"),
                 [&](std::exception_ptr failed, const auto&) { failures += failed != nullptr; });
  asio::co_spawn(loop, client(options_).get(server.url("/", "fine.test")),
                 [&](std::exception_ptr failed, const auto&) { answers += failed == nullptr; });
  loop.run();
  EXPECT_EQ(failures, 1);
  EXPECT_EQ(answers, 1);
}

TEST_F(dns, a_loop_may_be_destroyed_in_the_middle_of_a_look_up) {
  fake_name_server names({});
  {
    asio::io_context loop(1);
    use(loop, names);
    asio::co_spawn(loop, client(options_).get("http://silent.test/"), [](std::exception_ptr, const auto&) {});
    loop.poll();
  }
  EXPECT_LE(names.queries(), 1);
}

TEST_F(dns, localhost_and_addresses_need_no_name_server) {
  scripted_server server(always(ok("x")));
  fake_name_server names({});
  asio::io_context loop(1);
  use(loop, names);
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "localhost")).body, "x");
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "LocalHost.")).body, "x");
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "a.b.localhost")).body, "x");
  for (const char* const other : {"http://notlocalhost/", "http://localhost.test/"})
    EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), other); }).kind, failure_kind::dns) << other;
  EXPECT_EQ(names.queries(), 2);
  EXPECT_EQ(get_on(loop, client(options_), server.url("/", "127.0.0.1")).body, "x");
  EXPECT_EQ(failure_of([&] { get_on(loop, client(options_), "http://[::1]:1/"); }).kind, failure_kind::connect);
  EXPECT_EQ(names.queries(), 2);
}

}  // namespace
