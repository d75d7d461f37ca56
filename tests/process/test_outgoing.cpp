// Bytes written from where they are, and frames that are received into memory of their own.

#include <fanout/base/detail/owned_descriptor.hpp>
#include <fanout/fanout.hpp>

#include "process/channel/outgoing.hpp"
#include "process/channel/wire.hpp"
#include "support/leaks.hpp"
#include "support/sanitized.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <numeric>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace large_frames {

using namespace fanout;
using namespace fanout::detail;

class large_frame : public test::leak_checked {};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

TEST_F(large_frame, pieces_are_written_in_order_as_the_socket_takes_them) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()), 0);
  const owned_descriptor ours(pair[0]);
  owned_descriptor theirs(pair[1]);
  const std::string large = pattern(3 << 20);
  outgoing out;
  std::uint64_t written = 0;
  out.add("head");
  out.add_borrowed(large, 7);
  out.add("between");
  out.add_borrowed(large, 9);
  out.add("tail");
  EXPECT_EQ(out.first_borrowed(), 7u);
  std::string got;
  std::string buffer(1 << 20, '\0');
  std::vector<std::uint64_t> marks;
  for (;;) {
    const auto status = out.write_to(ours.value(), written);
    marks.push_back(out.first_borrowed().value_or(0));
    for (ssize_t count = 0; (count = recv(theirs.value(), buffer.data(), buffer.size(), 0)) > 0;)
      got.append(buffer, 0, static_cast<std::size_t>(count));
    if (status == outgoing::status::written) break;
    ASSERT_EQ(status, outgoing::status::blocked);
  }
  EXPECT_TRUE(got == "head" + large + "between" + large + "tail");
  EXPECT_EQ(written, got.size());
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(std::ranges::is_sorted(marks.begin(), marks.end() - 1));
  EXPECT_THAT(marks, testing::Contains(9u));

  theirs.reset();
  out.add_borrowed(large, 11);
  EXPECT_EQ(out.write_to(ours.value(), written), outgoing::status::broken);
  EXPECT_TRUE(out.empty()) << "what nobody takes refers to nothing any more";
}

std::string frame_of(frame_type type, std::string_view payload) {
  std::string bytes;
  frame_writer frame(bytes, type);
  frame.close(payload.size());
  return bytes + std::string(payload);
}

TEST_F(large_frame, arrives_in_memory_of_its_own_however_it_is_cut) {
  const std::string large = pattern(200'000);
  const std::string bytes = frame_of(frame_type::hello, "small") + frame_of(frame_type::tasks, large) +
                            frame_of(frame_type::tasks, large) + frame_of(frame_type::bye, "last");
  for (const std::size_t step : {1UL << 20, 150'000UL, 4096UL, 1001UL}) {
    frame_reader reader;
    std::vector<std::string> payloads;
    int owned = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto room = reader.room(4096);
      const std::size_t count = std::min({room.size(), step, bytes.size() - at});
      std::memcpy(room.data(), bytes.data() + at, count);
      reader.added(count);
      at += count;
      while (const auto frame = reader.next()) {
        const auto memory = reader.take_large();
        owned += memory != nullptr;
        EXPECT_TRUE(!memory || memory.get() == frame->payload.data());
        payloads.emplace_back(frame->payload);
      }
    }
    EXPECT_EQ(owned, 2);
    EXPECT_THAT(payloads, testing::ElementsAre("small", large, large, "last"));
    EXPECT_TRUE(reader.empty());
  }
}

std::string reversed(std::string_view text) {
  return {text.rbegin(), text.rend()};
}
std::size_t length_or_die(std::string_view text) {
  if (text.front() == '!') kill(getpid(), SIGKILL);
  return text.size();
}

TEST_F(large_frame, inputs_and_results_of_any_size_travel) {
  std::vector<std::string> inputs;
  const std::size_t largest = test::sanitized ? 17UL << 20 : 65UL << 20;
  for (const std::size_t size : {1UL, 65'535UL, 65'536UL, 70'000UL, 1UL << 20, 9UL << 20, 3UL, largest, 200'000UL})
    inputs.push_back(pattern(size));
  std::vector<std::string> expected;
  for (const auto& each : inputs) expected.push_back(reversed(each));
  EXPECT_TRUE(map(processes(2), remote<reversed>, inputs) == expected);
  process_pool pool({.processes = 2});
  EXPECT_TRUE(pool.map(remote<reversed>, inputs) == expected);
  for (std::size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(pool.call(remote<reversed>, inputs[i]) == expected[i]);
}

// The rest of an input that its worker does not read any more refers to memory that goes away with its batch.
TEST_F(large_frame, a_worker_may_die_while_it_is_sent_one) {
  options how(processes(2));
  how.on_error = on_error::collect;
  const std::string good(4 << 20, 'x');
  std::string bad = good;
  bad.front() = '!';
  const auto inputs = std::views::iota(0, 60) |
                      std::views::transform([&](int i) -> std::string_view { return i % 10 == 3 ? bad : good; });
  int died = 0;
  run(how, remote<length_or_die>, inputs, [&](const outcome<std::size_t>& out) {
    EXPECT_EQ(out.ok(), out.index % 10 != 3);
    died += out.ok() ? 0 : 1;
  });
  EXPECT_EQ(died, 6);
}

}  // namespace large_frames
