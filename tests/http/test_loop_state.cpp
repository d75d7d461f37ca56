// The client and the event loop it runs on; the blocking calls.

#include <fanout/async/debug.hpp>
#include <fanout/async/gather.hpp>

#include "http/fake_name_server.hpp"
#include "http/loop/loop_state.hpp"
#include "http/support.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <filesystem>
#include <future>

namespace {

using namespace fanout_test;
using fanout_test::by_version::client;

using loops = http_test;

std::set<int> threads_now() {
  std::set<int> ids;
  for (const auto& each : std::filesystem::directory_iterator("/proc/self/task"))
    ids.insert(std::stoi(each.path().filename()));
  return ids;
}

fanout::task<int> fetch_many(fanout::http::client through, std::string url, int& left) {
  int answers = 0;
  while (left > 0) {
    --left;
    auto getting = through.get(url);
    const auto answer = co_await std::move(getting);
    answers += answer.body == "hello";
  }
  co_return answers;
}

TEST_F(loops, a_thousand_exchanges_over_64_connections) {
  scripted_server server(always(ok("hello")));
  asio::io_context loop(1);
  int left = 1000, answers = 0;
  for (int i = 0; i < 64; ++i)
    asio::co_spawn(loop, fetch_many(fanout::http::client::shared(), server.url(), left),
                   [&](std::exception_ptr failed, int count) {
                     EXPECT_EQ(failed, nullptr);
                     answers += count;
                   });
  loop.run();
  EXPECT_EQ(answers, 1000);
  EXPECT_LE(server.connections(), 64);
}

TEST_F(loops, no_thread_is_ever_started) {
  scripted_server server(always(ok("hello")));
  fake_name_server names({});
  auto before = threads_now();
  asio::io_context loop(1);
  fanout::http::loop_state::of(loop.get_executor()).names().use_servers(names.address());
  get_on(loop, client::shared(), server.url("/", "localhost"));
  failure_of([&] { get_on(loop, client::shared(), "http://nosuch.test/"); });
  EXPECT_GE(names.queries(), 1);
  auto now = threads_now();
  for (const int own : server.threads()) now.erase(own), before.erase(own);
  EXPECT_EQ(now, before);
}

fanout::task<std::vector<std::string>> fetch_both(std::string url) {
  std::vector<fanout::task<fanout::http::response>> both;
  both.push_back(client::shared().get(url));
  both.push_back(client::shared().get(url));
  auto all = fanout::gather(std::move(both));
  const auto answers = co_await std::move(all);
  co_return std::vector{answers.at(0).body, answers.at(1).body};
}

TEST_F(loops, so_will_tasks_that_are_watched) {
  scripted_server server(always(ok("hello")));
  fanout::set_debug({.enabled = true});
  asio::io_context loop(1);
  auto both = asio::co_spawn(loop, fetch_both(server.url()), asio::use_future);
  loop.run();
  fanout::set_debug({.enabled = false});
  EXPECT_EQ(both.get(), (std::vector<std::string>{"hello", "hello"}));
}

TEST_F(loops, a_strand_over_a_loop_will_do) {
  scripted_server server(always(ok("hello")));
  asio::io_context loop(1);
  const auto strand = asio::make_strand(loop);
  std::string body;
  asio::co_spawn(strand, client::shared().get(server.url()),
                 [&](std::exception_ptr, const auto& answer) { body = answer.body; });
  loop.run();
  EXPECT_EQ(body, "hello");
}

TEST_F(loops, any_other_executor_is_refused) {
  asio::thread_pool pool(1);
  auto answer = asio::co_spawn(pool, client::shared().get("http://127.0.0.1:1/"), asio::use_future);
  EXPECT_THROW(answer.get(), std::logic_error);
}

TEST_F(loops, two_threads_on_one_loop_are_refused) {
  scripted_server server([](peer& to, int) { to.wait_until_closed(); });
  asio::io_context loop;
  {
    auto first = asio::co_spawn(loop, client::shared().get(server.url()), asio::use_future);
    while (server.connections() < 1) loop.poll();
    // This thread has an exchange under way; another one begins its own.
    auto second = asio::co_spawn(loop, client::shared().get(server.url()), asio::use_future);
    std::thread([&] { loop.poll(); }).join();
    EXPECT_THROW(second.get(), std::logic_error);
  }
}

TEST_F(loops, one_thread_after_the_other_is_fine) {
  scripted_server server(always(ok("hello")));
  asio::io_context loop;
  get_on(loop, client::shared(), server.url());
  std::thread([&] { EXPECT_TRUE(get_on(loop, client::shared(), server.url()).measured.connection_reused); }).join();
}

TEST(blocking, get_keeps_its_connection_for_the_next_call) {
  scripted_server server(always(ok("hello")));
  std::thread([&] {
    EXPECT_EQ(fanout::http::get(server.url()).text(), "hello");
    const auto second = fanout::http::get(server.url());
    EXPECT_TRUE(second.measured.connection_reused);
    EXPECT_EQ(second.measured.attempts, 1);
    EXPECT_GT(second.measured.total.count(), 0);
  }).join();
  EXPECT_EQ(server.connections(), 1);
}

TEST(blocking, each_thread_has_connections_of_its_own) {
  scripted_server server(always(ok("hello")));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 50; ++k) EXPECT_EQ(fanout::http::get(server.url()).body, "hello");
    });
  for (auto& each : threads) each.join();
  EXPECT_EQ(server.connections(), 4);
}

TEST(blocking, failures_are_thrown) {
  EXPECT_EQ(failure_of([] { fanout::http::get("nonsense"); }).kind, fanout::failure_kind::invalid_request);
  fanout::http::client_options options;
  options.max_body_bytes = 1;
  scripted_server server(always(ok("hello")));
  std::thread([&] {
    fanout::http::request what;
    what.url = fanout::http::url(server.url());
    const auto failed = failure_of([&] { fanout::http::send(client(options), what); });
    EXPECT_EQ(failed.kind, fanout::failure_kind::too_large);
    EXPECT_EQ(fanout::http::get(server.url()).body, "hello") << "the loop goes on after a failure";
  }).join();
}

}  // namespace
