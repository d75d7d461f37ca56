// Tasks that travel together: how they are laid out, claimed, given back, and what becomes of them when a worker errs.
#include <fanout/fanout.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_descriptors.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <ranges>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace batches {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;

encoded_values encoded(const std::vector<std::string>& values) {
  encoded_values all;
  for (const auto& value : values) {
    all.open() += value;
    EXPECT_TRUE(all.close());
  }
  return all;
}

void expect_serializable(const std::vector<std::string>& values) {
  const auto sent = encoded(values);
  std::string payload;
  sent.append_to(payload);
  std::string_view bytes = payload;
  const auto got = encoded_view::take(bytes, sent.count(), sent.each());
  ASSERT_TRUE(got);
  EXPECT_TRUE(bytes.empty());
  for (std::uint32_t i = 0; i < sent.count(); ++i) {
    EXPECT_EQ((*got)[i], values[i]);
    EXPECT_EQ(sent[i], values[i]);
  }
  for (std::size_t length = 0; length < payload.size(); ++length) {
    std::string_view cut = std::string_view(payload).substr(0, length);
    EXPECT_FALSE(encoded_view::take(cut, sent.count(), sent.each())) << length;
  }
}

TEST(batch, values_of_one_size_and_of_many_travel) {
  expect_serializable({"abcd", "efgh", "ijkl"});
  expect_serializable({"a", "", "bcd", "ef"});
  expect_serializable({"", "", ""});
  expect_serializable({"only"});
}

TEST(batch, a_part_has_the_same_values) {
  for (const std::vector<std::string>& values :
       {std::vector<std::string>{"aa", "bb", "cc", "dd"}, {"a", "bb", "", "c"}}) {
    const auto all = encoded(values);
    for (std::uint32_t from = 0; from < 4; ++from)
      for (std::uint32_t to = from; to <= 4; ++to) {
        const auto part = all.slice(from, to);
        ASSERT_EQ(part.count(), to - from);
        for (std::uint32_t i = 0; i < part.count(); ++i) EXPECT_EQ(part[i], values[from + i]);
      }
  }
}

TEST(batch, ends_that_do_not_ascend_are_corrupt) {
  std::string payload;
  for (const std::uint32_t end : {3U, 1U}) append_raw(payload, end);
  payload += "abc";
  std::string_view bytes = payload;
  EXPECT_FALSE(encoded_view::take(bytes, 2, varying_size));
}

TEST(batch, a_task_is_claimed_or_withdrawn_and_never_both) {
  const auto page = progress_page::create(1);
  const std::atomic<std::uint32_t> end{10};
  std::uint32_t ordinal = 0;
  EXPECT_FALSE(page.claim(end, ordinal));
  page.allow(10);
  for (std::uint32_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(page.claim(end, ordinal));
    EXPECT_EQ(ordinal, i);
  }
  EXPECT_EQ(page.withdraw(2), 5U);
  EXPECT_TRUE(page.claim(end, ordinal));
  EXPECT_TRUE(page.claim(end, ordinal));
  EXPECT_FALSE(page.claim(end, ordinal));
  EXPECT_EQ(page.started(0), 5U);
  EXPECT_EQ(page.withdraw(100), 5U);
}

TEST(batch, ordinals_go_on_beyond_their_lower_half) {
  const std::uint64_t near = (std::uint64_t{7} << 32) - 2;
  EXPECT_EQ(progress_page::extend(static_cast<std::uint32_t>(near + 5), near), near + 5);
  EXPECT_EQ(progress_page::extend(static_cast<std::uint32_t>(near - 5), near), near - 5);
}

/// Input `held` waits until the parent has written a byte into its pipe.
struct gate {
  int parent = 0;
  int descriptor = 0;
  int held = 0;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(parent, descriptor, held);
  }
};

int wait_at(const gate& closed, int x) {
  if (x != closed.held) return x;
  const std::string path = "/proc/" + std::to_string(closed.parent) + "/fd/" + std::to_string(closed.descriptor);
  const int pipe = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  char byte = 0;
  const auto got = read(pipe, &byte, 1);
  close(pipe);
  return got == 1 ? x : -1;
}

// The tasks before it make the parent hand over thousands at a time; what then waits behind the slow one has to be
// given back, or the slow one, which waits for all others, never ends.
TEST(batch, tasks_behind_one_that_turns_out_long_go_to_a_worker_that_is_idle) {
  constexpr int count = 60'000;
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const gate closed{getpid(), pipe_ends[0], count / 2};
  options how(processes(2));
  how.task_timeout = 60s;
  int finished = 0;
  int failed = 0;
  for_each_completed(how, remote<wait_at>.with(closed), std::views::iota(0, count), [&](const outcome<int>& out) {
    if (!out.ok() || out.value() != static_cast<int>(out.index)) ++failed;
    if (++finished == count - 1) finished -= write(pipe_ends[1], "x", 1) == 1 ? 0 : 1;
  });
  EXPECT_EQ(finished, count);
  EXPECT_EQ(failed, 0);
  for (const int end : pipe_ends) close(end);
}

int identity(int x) {
  return x;
}
/// Ends when the page says so.
int hold(const std::string& page) {
  test::shared_page<2> there(page);
  ++there[0];
  while (there[1] == 0) std::this_thread::yield();
  return 1;
}

// When the late one comes the long one has begun and nothing else waits at its worker, which reads it nevertheless, and
// gives it back: all seem to be short, so it is handed over ahead.
TEST(batch, a_task_that_comes_while_another_turns_out_long_goes_to_a_worker_that_is_idle) {
  process_pool pool({.processes = 2, .task_timeout = 20s});
  for (int round = 0; round < 8; ++round) {
    pool.map(remote<identity>, std::views::iota(0, 1000));
    test::shared_page<2> one;
    test::shared_page<2> other;
    const auto long_one = pool.submit(remote<hold>, one.path());
    const auto short_one = pool.submit(remote<hold>, other.path());
    while (one[0] == 0 || other[0] == 0) std::this_thread::yield();
    const auto late = pool.submit(remote<identity>, round);
    other[1] = 1;
    EXPECT_EQ(short_one.get(), 1);
    EXPECT_EQ(late.get(), round);
    one[1] = 1;
    EXPECT_EQ(long_one.get(), 1);
  }
}

/// Says what no worker should, and waits for what comes of it.
int misspeak(const std::string& bytes) {
  if (send(worker_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) return -1;
  for (;;) pause();
}

template <class... Parts>
std::string frame_of(frame_type type, std::uint32_t claimed, const Parts&... parts) {
  std::string bytes;
  append_raw(bytes, frame_header{claimed, type});
  (append_raw(bytes, parts), ...);
  return bytes;
}

TEST(batch, a_worker_that_sends_what_is_no_frame_is_killed_and_reported) {
  const results_header of_no_task{.first_ordinal = 1'000'000, .count = 1, .ok = 1};
  const results_header endless{.count = 7, .each = varying_size, .ok = 1};
  const std::vector<std::string> inputs{
      "garbage that is no frame at all",
      frame_of(frame_type::results, max_frame_bytes + 1),                        // oversized
      frame_of(frame_type::results, 4, std::uint32_t{0}),                        // truncated inside
      frame_of(frame_type::results, sizeof of_no_task, of_no_task),              // of a task it does not have
      frame_of(frame_type::results, sizeof endless, endless),                    // ends too soon
      frame_of(frame_type::tasks, 0),                                            // not a worker's
      frame_of(frame_type::returned, sizeof(returned_frame), returned_frame{}),  // of what was not called back
  };
  options how(processes(2));
  how.on_error = on_error::collect;
  const auto all = map_outcomes(how, remote<misspeak>, inputs);
  ASSERT_EQ(all.size(), inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    ASSERT_FALSE(all[i].ok()) << i;
    EXPECT_EQ(all[i].error().kind, failure_kind::worker_died) << i;
    EXPECT_THAT(all[i].error().message, testing::HasSubstr("was killed: ")) << i;
  }
}

std::size_t size_of(std::string_view bytes) {
  return bytes.size();
}
std::size_t size_of_bytes(std::span<const std::byte> bytes) {
  return bytes.size();
}

TEST(batch, inputs_can_be_read_where_they_arrived) {
  const std::vector<std::string> inputs{"", "abc", std::string(3'000'000, 'x')};
  EXPECT_THAT(map(processes(1), remote<size_of>, inputs), testing::ElementsAre(0, 3, 3'000'000));
  const std::vector<std::vector<std::byte>> bytes{{}, std::vector<std::byte>(5)};
  EXPECT_THAT(map(processes(1), remote<size_of_bytes>, bytes), testing::ElementsAre(0, 5));
}

/// Thirty that take no time to one that takes a millisecond.
int mixed(int x) {
  const auto until = std::chrono::steady_clock::now() + (x % 31 == 30 ? 1ms : 0ms);
  while (std::chrono::steady_clock::now() < until) {
  }
  return x;
}

// An average that a run of trivial results replaces takes all tasks for trivial, and hands out a hundred thousand.
TEST(batch, tasks_of_mixed_durations_are_not_pulled_far_ahead) {
  std::atomic<int> pulled = 0;
  int done = 0;
  int most_ahead = 0;
  const auto inputs = std::views::iota(0, 1'000'000) | std::views::transform([&](int x) {
                        ++pulled;
                        return x;
                      });
  options how(processes(2));
  how.on_error = on_error::collect;
  std::stop_source stop;
  how.stop = stop.get_token();
  const report cost = run(how, remote<mixed>, inputs, [&](const outcome<int>&) {
    ++done;
    most_ahead = std::max(most_ahead, pulled - done);
    if (done == 3'000) stop.request_stop();
  });
  EXPECT_GE(done, 3'000);
  // Two workers, 4 ms each, are 250 tasks; as many again may have been finished and not been counted here.
  EXPECT_LT(most_ahead, 3'000);
  EXPECT_EQ(cost.tasks, static_cast<std::uint64_t>(pulled.load()));
}

}  // namespace batches
