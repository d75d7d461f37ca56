// A child process and its end, as a coroutine waits for it.

#include <fanout/async/detail/child_process.hpp>
#include <fanout/async/detail/spawn_settings.hpp>

#include "async/driving.hpp"
#include "support/leaks.hpp"
#include "support/readable.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace fanout;
using namespace std::chrono_literals;
using detail::child_process;
using detail::owned_descriptor;

class child_processes : public test::leak_checked {};

struct open_pipe {
  open_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read = owned_descriptor(ends[0]);
    write = owned_descriptor(ends[1]);
  }
  owned_descriptor read;
  owned_descriptor write;
};

/// Runs a script in a shell that leads a group; `output`, if it is not -1, becomes its standard output.
pid_t start_shell(std::string script, int output = -1) {
  detail::spawn_settings settings;
  settings.lead_group();
  if (output >= 0) settings.duplicate(output, STDOUT_FILENO);
  std::string shell = "sh";
  std::string option = "-c";
  std::array<char*, 4> arguments{shell.data(), option.data(), script.data(), nullptr};
  pid_t pid = -1;
  detail::spawn_settings::check(
      posix_spawnp(&pid, "sh", settings.files(), settings.attributes(), arguments.data(), environ));
  return pid;
}

class child final : public child_process {
 public:
  explicit child(pid_t pid, reach killed = reach::group) { adopt(pid, killed); }
  using child_process::deadline;
  using child_process::set_deadline;
  using child_process::unwatch;
  using child_process::watch;
  using child_process::watch_again;

  std::function<void(bool)> on_exchange = [](bool) {};
  bool pause = false;
  std::vector<bool> exchanges;

 private:
  void exchange(bool ended) override {
    exchanges.push_back(ended);
    on_exchange(ended);
  }
  bool wants_pause() const override { return pause; }
};

TEST_F(child_processes, the_status_is_that_of_waitpid) {
  child good(start_shell("exit 3"));
  EXPECT_TRUE(test::run_to_end(good.wait()));
  EXPECT_TRUE(good.status_known());
  EXPECT_TRUE(WIFEXITED(good.status()));
  EXPECT_EQ(WEXITSTATUS(good.status()), 3);
  EXPECT_FALSE(good.timed_out());
  ASSERT_FALSE(good.exchanges.empty());
  EXPECT_TRUE(good.exchanges.back()) << "the last exchange knows that it is";

  child killed(start_shell("kill -TERM $$"));
  EXPECT_TRUE(test::run_to_end(killed.wait()));
  EXPECT_TRUE(WIFSIGNALED(killed.status()));
  EXPECT_EQ(WTERMSIG(killed.status()), SIGTERM);
}

TEST_F(child_processes, one_over_its_time_limit_is_killed) {
  for (const auto limit : {5ms, 0ms, -3ms}) {
    child slow(start_shell("sleep 1000"));
    slow.set_deadline(limit, child::deadline::time_limit);
    EXPECT_TRUE(test::run_to_end(slow.wait()));
    EXPECT_TRUE(slow.timed_out());
    EXPECT_EQ(WTERMSIG(slow.status()), SIGKILL);
  }
}

TEST_F(child_processes, one_that_was_given_time_to_leave_has_not_timed_out) {
  child slow(start_shell("sleep 1000"));
  slow.set_deadline(1h, child::deadline::time_limit);
  slow.set_deadline(1ms, child::deadline::exit_grace);  // replaces the one before
  EXPECT_TRUE(test::run_to_end(slow.wait()));
  EXPECT_FALSE(slow.timed_out());
  EXPECT_EQ(WTERMSIG(slow.status()), SIGKILL);
}

TEST_F(child_processes, what_it_leaves_in_its_group_ends_with_it) {
  open_pipe output;
  child leaving(start_shell("sleep 1000 & exit 0", output.write.value()));
  output.write.reset();
  EXPECT_TRUE(test::run_to_end(leaving.wait()));
  EXPECT_EQ(WEXITSTATUS(leaving.status()), 0);
  ASSERT_TRUE(test::readable(output.read.value(), 10'000)) << "something still holds the pipe open";
  char nothing = 0;
  EXPECT_EQ(read(output.read.value(), &nothing, 1), 0);
}

TEST_F(child_processes, destroying_it_kills_and_reaps) {
  const child_process::reach each[] = {child_process::reach::process, child_process::reach::group};
  for (const auto reach : each) const child gone(start_shell("exec sleep 1000"), reach);
}

TEST_F(child_processes, an_exception_of_an_exchange_kills_it_and_is_thrown_after_its_end) {
  open_pipe output;
  child loud(start_shell("echo x; exec sleep 1000", output.write.value()));
  loud.watch(output.read.value(), EPOLLIN);
  loud.on_exchange = [](bool ended) {
    if (!ended) throw std::range_error("too much");
  };
  EXPECT_THROW(test::run_to_end(loud.wait()), std::range_error);
  EXPECT_EQ(WTERMSIG(loud.status()), SIGKILL);
}

TEST_F(child_processes, it_may_pause_and_be_waited_for_again) {
  open_pipe output;
  child talking(start_shell("echo one; read line <&- ; exit 5", output.write.value()));
  talking.watch(output.read.value(), EPOLLIN);
  std::string text;
  talking.on_exchange = [&](bool) {
    std::array<char, 64> bytes{};
    while (test::readable(output.read.value())) {
      const auto got = read(output.read.value(), bytes.data(), bytes.size());
      if (got <= 0) break;
      text.append(bytes.data(), static_cast<std::size_t>(got));
    }
    talking.pause = !text.empty();
  };
  while (text.empty() && !test::run_to_end(talking.wait())) continue;
  EXPECT_EQ(text, "one\n");
  talking.unwatch(output.read.value());
  talking.unwatch(output.read.value());                // again does no harm
  talking.watch_again(output.read.value(), EPOLLIN);   // not watched: no effect
  while (!test::run_to_end(talking.wait())) continue;  // on other loops
  EXPECT_EQ(WEXITSTATUS(talking.status()), 5);
}

TEST_F(child_processes, one_that_something_else_has_reaped_has_ended_with_a_status_nobody_knows) {
  const pid_t pid = start_shell("exit 0");
  ASSERT_EQ(waitpid(pid, nullptr, 0), pid);
  child gone(pid);
  EXPECT_TRUE(test::run_to_end(gone.wait()));
  EXPECT_FALSE(gone.status_known());
}

task<void> wait_for(std::shared_ptr<child> one) {
  task<bool> end = one->wait();
  co_await std::move(end);
}

TEST_F(child_processes, a_cancellation_kills_it_and_awaits_its_end) {
  const auto slow = std::make_shared<child>(start_shell("exec sleep 1000"));
  asio::io_context loop;
  asio::cancellation_signal stop;
  std::exception_ptr thrown;
  asio::co_spawn(loop, wait_for(slow),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr failed) { thrown = failed; }));
  loop.poll();
  stop.emit(asio::cancellation_type::terminal);
  loop.run();
  ASSERT_TRUE(thrown);
  EXPECT_THROW(std::rethrow_exception(thrown), boost::system::system_error);
  EXPECT_EQ(WTERMSIG(slow->status()), SIGKILL);
}

TEST_F(child_processes, a_loop_may_be_destroyed_while_one_is_waited_for) {
  const auto slow = std::make_shared<child>(start_shell("exec sleep 1000"));
  asio::io_context loop;
  asio::co_spawn(loop, wait_for(slow), asio::detached);
  loop.poll();
}

}  // namespace
