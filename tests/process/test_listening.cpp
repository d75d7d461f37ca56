// That somebody in a worker listens to its parent while its only lane is at a long task.

#include <fanout/fanout.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/supervisor/spawn.hpp"
#include "process/worker/worker_settings.hpp"
#include "support/leaks.hpp"
#include "support/shared_page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

namespace listening {

using namespace fanout;
using namespace fanout::detail;

/// Tells that it has begun, and waits until it may end.
int hold(const std::string& page) {
  test::shared_page<2> shared(page);
  shared[0] = 1;
  while (shared[1] == 0) std::this_thread::yield();
  return 7;
}

/// A worker whose parent is the test, which says when it sends what.
class worker_of_a_test {
 public:
  explicit worker_of_a_test(const std::string& input) : input_(input), child_(spawn_worker(page_.descriptor(), {})) {
    fcntl(child_.socket, F_SETFL, fcntl(child_.socket, F_GETFL) & ~O_NONBLOCK);
    timeval patience{};
    patience.tv_sec = 60;
    setsockopt(child_.socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string bytes;
    frame_writer setup(bytes, frame_type::setup);
    append_raw(bytes, hello_frame{});
    append_raw(bytes, setup_frame{.threads = 1, .in_flight = 1});
    worker_settings().encode(bytes);
    setup.close();
    append_function(bytes, 1, {std::string(remote<hold>.name()), {}}, false);
    say(bytes);
  }

  void hand_task(std::uint64_t ordinal) {
    std::string argument;
    remote<hold>.encode(input_, argument);
    std::string bytes;
    frame_writer tasks(bytes, frame_type::tasks);
    append_raw(bytes, tasks_frame{.first_ordinal = ordinal,
                                  .function = 1,
                                  .count = 1,
                                  .each = static_cast<std::uint32_t>(argument.size()),
                                  .more_may_come = 1});
    bytes += argument;
    tasks.close();
    say(bytes);
  }
  void call_back() {
    std::string bytes;
    frame_writer recall(bytes, frame_type::recall);
    append_raw(bytes, recall_frame{});
    recall.close();
    say(bytes);
  }
  void say_no_more() { shutdown(child_.socket, SHUT_WR); }

  /// The payload of the next frame; nothing when it is of another type, or none comes.
  std::optional<std::string> next(frame_type expected) {
    for (;;) {
      if (const auto frame = reader_.next())
        return frame->type == expected ? std::optional<std::string>(frame->payload) : std::nullopt;
      const auto got = recv(child_.socket, reader_.prepare(4096), 4096, 0);
      if (got <= 0) return std::nullopt;
      reader_.added(static_cast<std::size_t>(got));
    }
  }

 private:
  void say(std::string_view bytes) {
    EXPECT_EQ(send(child_.socket, bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }

  std::string input_;
  progress_page page_ = progress_page::create(1);
  spawned_worker child_;
  frame_reader reader_;
};

class listening : public test::leak_checked {};

// The second task, and the wish to have it back, come when the lane has read all there was and is at the first.
TEST_F(listening, a_task_that_comes_behind_a_long_one_can_be_called_back) {
  test::shared_page<2> page;
  worker_of_a_test worker(page.path());
  ASSERT_TRUE(worker.next(frame_type::hello));
  worker.hand_task(0);
  while (page[0] == 0) std::this_thread::yield();
  worker.hand_task(1);
  worker.call_back();
  const auto answer = worker.next(frame_type::returned);
  ASSERT_TRUE(answer) << "nobody listened";
  std::string_view payload = *answer;
  EXPECT_EQ(take_raw<returned_frame>(payload)->from, 1u);

  worker.hand_task(1);
  page[1] = 1;
  worker.say_no_more();
  for (std::uint32_t ended = 0; ended < 2;) {
    const auto results = worker.next(frame_type::results);
    ASSERT_TRUE(results);
    std::string_view rest = *results;
    while (const auto some = take_results(rest)) ended += some->header.count;
  }
  EXPECT_TRUE(worker.next(frame_type::bye));
}

}  // namespace listening
