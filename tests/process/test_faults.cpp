// Worker processes that die, hang, or say what nobody understands.

#include <fanout/core/detail/usage.hpp>
#include <fanout/fanout.hpp>

#include "support/leaks.hpp"
#include "support/pipe_source.hpp"
#include "support/sanitized.hpp"
#include "support/shared_page.hpp"
#include "support/tasks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <ranges>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace faults {

using namespace fanout;
using namespace std::chrono_literals;
using testing::HasSubstr;

options collecting(const fanout::shape& shape) {
  options how(shape);
  how.on_error = on_error::collect;
  return how;
}

[[noreturn]] void die_of(int signal_number) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  signal(signal_number, SIG_DFL);  // a sanitizer would make an exit of it
  raise(signal_number);
  std::abort();
}

class fault : public test::leak_checked {};

// One worker dies in mid-task ----------------------------------------------------------------------------------------

struct way_to_die {
  int signal = 0;  ///< or, if 0
  int status = 0;
  bool at_once = false;  ///< _exit()
  template <class Archive>
  void serialize(Archive& archive) {
    archive(signal, status, at_once);
  }
};

int seven_dies(const way_to_die& how, int x) {
  if (x != 7) return x;
  if (how.signal) die_of(how.signal);
  if (how.at_once) _exit(how.status);
  std::exit(how.status);
}

task<int> seven_dies_async(const way_to_die& how, int x) {
  task<void> rest = test::pause(1ms);
  co_await std::move(rest);
  co_return seven_dies(how, x);
}

struct death {
  const char* name;
  way_to_die how;
  const char* told;
};
void PrintTo(const death& of, std::ostream* out) {
  *out << of.name;
}

class one_death : public fault, public testing::WithParamInterface<death> {};

INSTANTIATE_TEST_SUITE_P(of, one_death,
                         testing::Values(death{"sigkill", {SIGKILL, 0, false}, "killed by SIGKILL (9)"},
                                         death{"sigsegv", {SIGSEGV, 0, false}, "killed by SIGSEGV (11)"},
                                         death{"abort", {SIGABRT, 0, false}, "killed by SIGABRT (6)"},
                                         death{"exit_3", {0, 3, false}, "exited with status 3"},
                                         death{"exit_at_once", {0, 0, true}, "exited with status 0"}),
                         [](const auto& way) { return way.param.name; });

TEST_P(one_death, is_the_failure_of_that_task_alone) {
  const auto inputs = std::views::iota(0, 40);
  report cost;
  std::map<std::uint64_t, outcome<int>> all;
  cost = run(collecting(processes(2)), remote<seven_dies>.with(GetParam().how), inputs,
             [&](outcome<int> out) { EXPECT_TRUE(all.emplace(out.index, std::move(out)).second); });
  ASSERT_EQ(all.size(), 40u);
  EXPECT_GE(cost.restarts, 1u);
  const failure& died = all.at(7).error();
  EXPECT_EQ(died.kind, failure_kind::worker_died);
  EXPECT_EQ(died.signal, GetParam().how.signal);
  EXPECT_THAT(died.message, HasSubstr(GetParam().told));
  for (const auto& [index, out] : all) {
    if (index == 7) continue;
    // What had ended in the same millisecond may not have been told before the death.
    if (out.ok())
      EXPECT_EQ(out.value(), static_cast<int>(index));
    else
      EXPECT_LT(index, 7u) << out.error().message;
  }
}

TEST_P(one_death, ends_a_fail_fast_run) {
  try {
    map(grid(2, 1, 2), remote<seven_dies_async>.with(GetParam().how), std::views::iota(0));
    FAIL() << "nothing was thrown";
  } catch (const error& thrown) {
    EXPECT_EQ(thrown.kind(), failure_kind::worker_died);
    EXPECT_THAT(thrown.what(), HasSubstr(GetParam().told));
  }
}

// Many die at random -------------------------------------------------------------------------------------------------

constexpr int many = test::sanitized ? 600 : 4000;
using journal = test::shared_page<many>;

/// The same for every run.
bool is_deadly(int x) {
  const std::uint32_t mixed = static_cast<std::uint32_t>(x) * 2654435761U;
  return (mixed >> 16) % 20 == 0;
}

int sometimes_deadly(const std::string& path, int x) {
  static journal started(path);
  ++started[static_cast<std::size_t>(x)];
  if (is_deadly(x)) die_of(SIGKILL);
  return x;
}

task<int> sometimes_deadly_async(std::string path, int x) {
  if (x % 3 == 0) {
    task<void> rest = test::pause(1ms);
    co_await std::move(rest);
  }
  co_return sometimes_deadly(path, x);
}

class many_deaths : public fault, public testing::WithParamInterface<std::string> {};

INSTANTIATE_TEST_SUITE_P(under, many_deaths, testing::Values("processes:1", "2x1x1", "2x2x1", "2x1x4"));

TEST_P(many_deaths, leave_exactly_one_outcome_for_each_input) {
  journal started;
  std::vector<int> seen(many, 0);
  int deadly = 0;
  int died = 0;
  const bool one_lane = GetParam() == "processes:1" || GetParam() == "2x1x1";
  const auto sink = [&](const outcome<int>& out) {
    ++seen.at(out.index);
    const int starts = started[out.index];
    EXPECT_LE(starts, 1) << out.index << " was run again, although it had been started";
    if (out.ok()) {
      EXPECT_EQ(out.value(), static_cast<int>(out.index));
      EXPECT_EQ(starts, 1);
      return;
    }
    ++died;
    EXPECT_EQ(out.error().kind, failure_kind::worker_died) << out.error().message;
    EXPECT_EQ(out.error().signal, SIGKILL);
    if (one_lane) {
      EXPECT_EQ(starts, 1) << out.index << " was never started, and could have gone to another worker";
    }
  };
  const options how = collecting(parse_shape(GetParam()));
  const auto inputs = std::views::iota(0, many);
  const report cost = GetParam().ends_with("x4")
                          ? run(how, remote<sometimes_deadly_async>.with(started.path()), inputs, sink)
                          : run(how, remote<sometimes_deadly>.with(started.path()), inputs, sink);
  for (int x = 0; x < many; ++x) deadly += is_deadly(x);
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_GE(deadly, many / 40);
  EXPECT_GE(died, deadly / 4);
  EXPECT_GE(cost.restarts, 1u);
  EXPECT_EQ(cost.failures, static_cast<std::uint64_t>(died));
}

TEST_P(many_deaths, do_not_keep_a_run_from_being_stopped) {
  journal started;
  std::stop_source stop;
  options how = collecting(parse_shape(GetParam()));
  how.stop = stop.get_token();
  std::set<std::uint64_t> seen;
  int pulled = 0;
  const auto inputs = [&]() -> std::optional<int> { return pulled < many ? std::optional(pulled++) : std::nullopt; };
  const auto sink = [&](const outcome<int>& out) {
    EXPECT_TRUE(seen.insert(out.index).second);
    if (seen.size() == 50) stop.request_stop();
  };
  const report cost = GetParam().ends_with("x4")
                          ? run(how, remote<sometimes_deadly_async>.with(started.path()), inputs, sink)
                          : run(how, remote<sometimes_deadly>.with(started.path()), inputs, sink);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(pulled));
  EXPECT_TRUE(cost.stopped);
}

// Workers that hang --------------------------------------------------------------------------------------------------

int third_stops(int x) {
  if (x == 3) raise(SIGSTOP);
  return x;
}
int third_hangs(int x) {
  while (x == 3) pause();
  return x;
}
task<int> third_stops_async(int x) {
  co_return third_stops(x);
}
task<int> third_blocks_its_loop(int x) {
  co_return third_hangs(x);
}

void expect_a_timeout_of_three(const std::vector<outcome<int>>& all) {
  ASSERT_EQ(all.size(), 12u);
  EXPECT_EQ(all[3].error().kind, failure_kind::timeout) << all[3].error().message;
  EXPECT_THAT(all[3].error().message, HasSubstr("its worker process was killed"));
  for (const auto& out : all) {
    if (out.index > 4) {
      EXPECT_TRUE(out.ok()) << out.index << ": " << out.error().message;
    }
  }
}

TEST_F(fault, a_blocking_task_over_its_limit_costs_its_worker) {
  options how = collecting(processes(2));
  how.task_timeout = 200ms;
  expect_a_timeout_of_three(map_outcomes(how, remote<third_hangs>, std::views::iota(0, 12)));
}

TEST_F(fault, a_stopped_worker_is_replaced) {
  options how = collecting(processes(2));
  how.task_timeout = 200ms;
  expect_a_timeout_of_three(map_outcomes(how, remote<third_stops>, std::views::iota(0, 12)));
}

TEST_F(fault, a_stopped_worker_of_coroutines_is_replaced) {
  options how = collecting(grid(2, 1, 2));
  how.task_timeout = 200ms;
  expect_a_timeout_of_three(map_outcomes(how, remote<third_stops_async>, std::views::iota(0, 12)));
}

TEST_F(fault, a_coroutine_that_blocks_its_loop_costs_its_worker) {
  options how = collecting(grid(2, 1, 2));
  how.task_timeout = 200ms;
  expect_a_timeout_of_three(map_outcomes(how, remote<third_blocks_its_loop>, std::views::iota(0, 12)));
}

TEST_F(fault, a_stopped_worker_does_not_keep_a_run_from_being_stopped) {
  std::stop_source stop;
  options how = collecting(processes(2));
  how.stop = stop.get_token();
  std::size_t outcomes = 0;
  run(how, remote<third_stops>, std::views::iota(0), [&](const outcome<int>&) {
    if (++outcomes == 20) stop.request_stop();
  });
  EXPECT_GE(outcomes, 20u);
}

// Workers that cannot start ------------------------------------------------------------------------------------------

struct unreadable {
  int number = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(number);
    if constexpr (Archive::is_loading::value) throw std::runtime_error("the settings are in Etruscan");
  }
};
struct deadly {
  std::string path;  ///< of the page where starts are counted
  template <class Archive>
  void serialize(Archive& archive) {
    archive(path);
    if constexpr (Archive::is_loading::value) {
      ++test::shared_page<1>(path)[0];
      die_of(SIGKILL);
    }
  }
};
int with_unreadable(const unreadable&, int x) {
  return x;
}
int with_deadly(const deadly&, int x) {
  return x;
}

TEST_F(fault, workers_that_cannot_start_end_the_run_with_their_own_words) {
  try {
    map(processes(2), remote<with_unreadable>.with(unreadable{}), std::views::iota(0, 10));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("the settings are in Etruscan"));
  }
}

TEST_F(fault, workers_that_die_at_their_start_end_the_run) {
  test::shared_page<1> starts;
  try {
    map(processes(2), remote<with_deadly>.with(deadly{starts.path()}), std::views::iota(0, 10));
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_THAT(thrown.what(), HasSubstr("killed by SIGKILL"));
  }
  EXPECT_LE(starts[0], 3 + 1) << "more than three in a row, and one that was starting then";
}

// Exceptions of the caller's own
// ---------------------------------------------------------------------------------------

int identity(int x) {
  return x;
}

TEST_F(fault, a_source_that_cannot_be_waited_for_ends_the_run) {
  struct broken {
    int given = 0;
    std::optional<int> next() { return ++given; }
    bool ready() const { return given < 3; }
    int handle() const { return -1; }
  };
  EXPECT_THROW(run(processes(3), remote<identity>, broken(), [](const outcome<int>&) {}), std::system_error);
}

/// 2 ends at once; 1 when that was told and the interval between two calls of the progress callback is over; 3 never.
task<int> in_its_own_time(std::string told, int x) {
  while (x == 1 && test::shared_page<1>(told)[0] == 0) {
    task<void> turn = test::pause(1ms);
    co_await std::move(turn);
  }
  if (x != 2) {
    task<void> rest = test::pause(x == 1 ? 150ms : 1h);
    co_await std::move(rest);
  }
  co_return x;
}

TEST_F(fault, an_exception_of_the_progress_callback_ends_the_run) {
  test::line_pipe pipe;  // stays open, so that one worker is idle when the other brings the result that ends it all
  pipe.write_text("1\n2\n3\n");
  options how(grid(2, 1, 2));
  how.on_progress = [](const progress& now) {
    if (now.finished > 1) throw std::runtime_error("the terminal is gone");
  };
  test::shared_page<1> told;
  try {
    run(how, remote<in_its_own_time>.with(told.path()), test::pipe_source(pipe),
        [&](const outcome<int>&) { told[0] = 1; });
    FAIL() << "nothing was thrown";
  } catch (const std::runtime_error& thrown) {
    EXPECT_STREQ(thrown.what(), "the terminal is gone");
  }
}

// Values that are large, or strange
// ------------------------------------------------------------------------------------

std::string echo_text(std::string text) {
  return text;
}
std::string blow_up(int bytes) {
  return std::string(static_cast<std::size_t>(bytes), 'x');
}
/// Slower than its parent, yet not so slow that nothing is handed over in advance.
std::size_t length(const std::string& text) {
  const auto until = std::chrono::steady_clock::now() + 300us;
  while (std::chrono::steady_clock::now() < until) {
  }
  return text.size();
}

TEST_F(fault, inputs_do_not_pile_up_before_a_worker_that_is_behind) {
  const std::string text(100'000, 'x');
  const auto inputs = std::views::iota(0, 1500) | std::views::transform([&](int) { return text; });
  const auto before = detail::peak_rss_bytes();
  const report cost = run(processes(1), remote<length>, inputs, [](const outcome<std::size_t>&) {});
  EXPECT_EQ(cost.tasks, 1500u);
  if (!test::sanitized) {  // a sanitizer keeps what was freed
    EXPECT_LT(detail::peak_rss_bytes() - before, 30U << 20);
  }
}

TEST_F(fault, large_values_go_both_ways) {
  std::string large(64 << 20, 'a');
  for (std::size_t i = 0; i < large.size(); i += 4093) large[i] = static_cast<char>('a' + i % 23);
  const auto back = map(processes(2), remote<echo_text>, std::vector<std::string>{large, "small", large});
  ASSERT_EQ(back.size(), 3u);
  EXPECT_TRUE(back[0] == large && back[2] == large);
  EXPECT_EQ(back[1], "small");
}

TEST_F(fault, results_wait_for_a_slow_sink) {
  constexpr int bytes = 1 << 20;
  int outcomes = 0;
  run(grid(2, 2, 1), remote<blow_up>, std::vector<int>(60, bytes), [&](const outcome<std::string>& out) {
    EXPECT_EQ(out.value().size(), static_cast<std::size_t>(bytes));
    for (int turn = 0; turn < 1000; ++turn) std::this_thread::yield();
    ++outcomes;
  });
  EXPECT_EQ(outcomes, 60);
}

struct page {
  std::string url;
  std::vector<int> sizes;
  std::map<std::string, double> ratios;
  std::optional<std::chrono::milliseconds> took;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(url, sizes, ratios, took);
  }
  bool operator==(const page&) const = default;
};

page echo_page(const page& one) {
  return one;
}

TEST_F(fault, types_of_ones_own_travel) {
  const page one{"http://a/", {1, 2, 3}, {{"gzip", 0.5}}, 20ms};
  const std::vector<page> pages{one, page{}};
  EXPECT_EQ(map(processes(1), remote<echo_page>, pages), pages);
}

/// Throws where `refuse` says.
enum class where { nowhere, encoding, decoding };
struct touchy {
  where refuse = where::nowhere;
  template <class Archive>
  void serialize(Archive& archive) {
    if (Archive::is_saving::value && refuse == where::encoding) throw std::domain_error("cannot be written");
    archive(refuse);
    if (Archive::is_loading::value && refuse == where::decoding) throw std::domain_error("cannot be read");
  }
};

int take_touchy(const touchy&) {
  return 1;
}
touchy make_touchy(int refuse) {
  return {static_cast<where>(refuse)};
}

TEST_F(fault, an_input_that_cannot_be_read_is_the_failure_of_its_task) {
  const std::vector<touchy> inputs{{}, {where::decoding}, {}};
  const auto all = map_outcomes(collecting(processes(1)), remote<take_touchy>, inputs);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].ok() && all[2].ok());
  EXPECT_EQ(all[1].error().kind, failure_kind::task_failed);
  EXPECT_EQ(all[1].error().message, "cannot be read");
  EXPECT_EQ(all[1].error().type, "std::domain_error");
}

TEST_F(fault, an_input_that_cannot_be_written_is_the_failure_of_its_task) {
  const std::vector<touchy> inputs{{}, {where::encoding}, {}};
  const auto all = map_outcomes(collecting(processes(1)), remote<take_touchy>, inputs);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].ok() && all[2].ok());
  EXPECT_EQ(all[1].error().kind, failure_kind::task_failed);
  EXPECT_EQ(all[1].error().message, "cannot be written");
  EXPECT_EQ(all[1].error().type, "std::domain_error");
}

TEST_F(fault, a_result_that_cannot_travel_is_the_failure_of_its_task) {
  const auto all = map_outcomes(collecting(processes(1)), remote<make_touchy>, std::views::iota(0, 3));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_TRUE(all[0].ok());
  EXPECT_EQ(all[1].error().message, "cannot be written");
  EXPECT_EQ(all[2].error().message, "cannot be read");
}

int throw_what_is_no_exception(int x) {
  if (x == 0) throw 42;
  if (x == 1) throw error({.kind = failure_kind::worker_died, .message = "nested", .attempts = 3, .signal = 9});
  throw std::string("text");
}

TEST_F(fault, failures_keep_their_kind_type_and_message_across_processes) {
  const auto all = map_outcomes(collecting(processes(1)), remote<throw_what_is_no_exception>, std::views::iota(0, 3));
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].error().kind, failure_kind::task_failed);
  EXPECT_EQ(all[0].error().type, "int");
  EXPECT_THAT(all[0].error().message, HasSubstr("int"));
  EXPECT_EQ(all[1].error().kind, failure_kind::worker_died);
  EXPECT_EQ(all[1].error().message, "nested");
  EXPECT_EQ(all[1].error().attempts, 3);
  EXPECT_EQ(all[1].error().signal, 9);
  EXPECT_THAT(all[2].error().type, HasSubstr("string"));
}

// Workers of workers -------------------------------------------------------------------------------------------------

int plus_one(int x) {
  return x + 1;
}
std::vector<int> nested(int x) {
  return map(processes(2), remote<plus_one>, std::vector{x, x * 10});
}

TEST_F(fault, a_task_in_a_worker_may_start_workers) {
  EXPECT_EQ(map(processes(2), remote<nested>, std::vector{1, 2}), (std::vector<std::vector<int>>{{2, 11}, {3, 21}}));
}

}  // namespace faults
