// Workers that do harm with what they share with their parent: the progress page, the socket, what they say of
// themselves. The parent lives, each input has exactly one outcome, and no figure of the report is nonsense.

#include <fanout/fanout.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_descriptors.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <ranges>
#include <string>
#include <string_view>
#include <vector>

namespace hostile_workers {

using namespace fanout;
using namespace fanout::detail;
using namespace std::chrono_literals;
using testing::HasSubstr;

class hostile_worker : public test::leak_checked {};

/// Every outcome there is once, and of those that failed the message.
struct outcomes {
  std::vector<int> seen;
  std::vector<failure> failures;
  report cost;
};

template <auto Function>
outcomes run_of(const shape& ran, int count) {
  options how(ran);
  how.on_error = on_error::collect;
  outcomes all;
  all.seen.resize(static_cast<std::size_t>(count));
  const auto begun = std::chrono::steady_clock::now();
  all.cost = run(how, remote<Function>, std::views::iota(0, count), [&](const outcome<int>& out) {
    ++all.seen.at(out.index);
    if (!out.ok()) all.failures.push_back(out.error());
    EXPECT_GE(out.started, begun);
    EXPECT_GE(out.finished, out.started);
    EXPECT_LE(out.finished, std::chrono::steady_clock::now());
    EXPECT_LT(out.lane, 64u);
  });
  EXPECT_THAT(all.seen, testing::Each(1));
  EXPECT_GE(all.cost.cpu_user, 0ns);
  EXPECT_LT(all.cost.cpu_user, 24h);
  return all;
}

void send_to_parent(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(worker_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// The whole page, as the task of a worker with a copy of the descriptor gets at it.
class own_page {
 public:
  own_page() {
    struct stat file{};
    fstat(worker_page, &file);
    size_ = static_cast<std::size_t>(file.st_size);
    memory_ = static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, worker_page, 0));
  }
  own_page(const own_page&) = delete;
  own_page& operator=(const own_page&) = delete;
  ~own_page() { munmap(memory_, size_); }
  char* begin() const { return memory_; }
  char* end() const { return memory_ + size_; }

 private:
  char* memory_;
  std::size_t size_;
};

int cut_short_what_is_shared(int x) {
  int cut = 0;
  for (int descriptor = 3; descriptor < 10; ++descriptor)
    if (ftruncate(descriptor, 0) == 0 || ftruncate(descriptor, 1) == 0) ++cut;
  return x + 100 * cut;
}

TEST_F(hostile_worker, cannot_cut_short_what_it_shares) {
  EXPECT_EQ(map(processes(2), remote<cut_short_what_is_shared>, std::views::iota(0, 4)), (std::vector{0, 1, 2, 3}));
  process_pool pool({.processes = 1});
  for (int x = 0; x < 20; ++x) EXPECT_EQ(pool.call(remote<cut_short_what_is_shared>, x), x);
}

/// What it writes, and whether it dies of it or goes on. (A page of zeros says that nothing was begun; where that is
/// so again and again the run ends, as with workers that do not get ready.)
int scribble(int x) {
  if (x % 4 == 0) return x;
  std::mt19937 random(static_cast<std::uint32_t>(x));
  {
    const own_page page;
    const int way = x % 5 == 1 ? 0 : x % 5;
    for (char& each : page) {
      if (way == 0) each = static_cast<char>(0xff);
      if (way == 2) each = 0x7f;
      if (way == 3 && random() % 64 == 0) each = static_cast<char>(random());
      if (way == 4) each = static_cast<char>(0x80);
    }
  }
  if (x % 3 == 0) kill(getpid(), SIGKILL);
  return x;
}

TEST_F(hostile_worker, that_scribbles_over_its_page_costs_its_own_tasks) {
  for (const auto& ran : {processes(2), grid(2, 2, 1)}) {
    const auto all = run_of<scribble>(ran, 60);
    EXPECT_LT(all.failures.size(), 60u);
  }
}

/// The task under way, as its own page has it.
std::uint64_t own_ordinal() {
  const progress_page page = progress_page::open(fcntl(worker_page, F_DUPFD_CLOEXEC, 0), 1);
  return page.lane(0).task.load() - 1;
}

/// A result whose bytes are right and whose figures are not.
int lie_about_times(int x) {
  if (x % 2 == 0) return x;
  constexpr auto least = std::numeric_limits<std::int64_t>::min();
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  constexpr std::array lies{least, most, std::int64_t{0}, std::int64_t{-1}, most - 1};
  const auto lie = [&](int which) { return lies[static_cast<std::size_t>(which) % lies.size()]; };
  std::string bytes;
  {
    frame_writer frame(bytes, frame_type::results);
    append_raw(bytes, results_header{.first_ordinal = own_ordinal(),
                                     .started_ns = lie(x / 2),
                                     .finished_ns = lie(x / 10),
                                     .cpu_ns = lie(x / 6),
                                     .count = 1,
                                     .lane = x % 7 == 0 ? 0xffffffffU : 0,
                                     .each = 4,
                                     .ok = 1});
    append_raw(bytes, x);
    frame.close();
  }
  send_to_parent(bytes);
  _exit(0);
}

TEST_F(hostile_worker, that_lies_about_times_and_lanes_spoils_no_figure) {
  options how(processes(1));
  how.on_error = on_error::collect;
  how.task_timeout = 2s;
  std::vector<int> seen(50);
  const auto begun = std::chrono::steady_clock::now();
  const report cost = run(how, remote<lie_about_times>, std::views::iota(0, 50), [&](const outcome<int>& out) {
    ++seen.at(out.index);
    EXPECT_GE(out.started, begun);
    EXPECT_LE(out.finished, std::chrono::steady_clock::now());
    EXPECT_GE(out.elapsed(), 0ns);
    EXPECT_EQ(out.lane, 0u);
  });
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_GE(cost.cpu_user, 0ns);
}

int shut_the_connection(int x) {
  if (x != 1) return x;
  shutdown(worker_socket, SHUT_RDWR);
  for (;;) pause();
}
/// A descriptor that another thread waits for is not closed before that thread wakes: this worker has no such thread,
/// as there is one task.
int close_the_connection(int) {
  close(worker_socket);
  for (;;) pause();
}

TEST_F(hostile_worker, that_closes_its_connection_is_said_to_have_done_so) {
  for (const auto& all :
       {run_of<shut_the_connection>(processes(1), 3), run_of<close_the_connection>(processes(1), 1)}) {
    ASSERT_EQ(all.failures.size(), 1u);
    EXPECT_EQ(all.failures[0].kind, failure_kind::worker_died);
    EXPECT_THAT(all.failures[0].message, HasSubstr("closed its connection"));
  }
}

int refuse_at_length(int) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::startup_error);
  bytes.append(50 << 20, 'x');
  frame.close();
  send_to_parent(bytes);
  _exit(1);
}

TEST_F(hostile_worker, that_says_much_is_quoted_in_part) {
  const auto all = run_of<refuse_at_length>(processes(1), 2);
  for (const auto& each : all.failures) EXPECT_LT(each.message.size(), 10'000u);
  for (const auto& each : all.cost.workers) EXPECT_LE(each.warning.size(), 4096u);
}

int send_descriptors(int x) {
  std::array<char, CMSG_SPACE(sizeof(int) * 8)> room{};
  char byte = 0;
  iovec data{&byte, 1};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * 8);
  const std::array<int, 8> same{0, 0, 0, 0, 0, 0, 0, 0};
  std::memcpy(CMSG_DATA(header), same.data(), sizeof same);
  sendmsg(worker_socket, &message, MSG_NOSIGNAL);
  return x;
}

// The fixture counts descriptors.
TEST_F(hostile_worker, that_sends_descriptors_opens_none_here) {
  run_of<send_descriptors>(processes(1), 4);
}

}  // namespace hostile_workers
