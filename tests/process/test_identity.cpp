// Two programs that are not the same build do not work together.

#include <fanout/async/detail/spawn_settings.hpp>
#include <fanout/base/detail/owned_descriptor.hpp>

#include "process/channel/progress_page.hpp"
#include "process/channel/wire.hpp"
#include "process/channel/worker_descriptors.hpp"
#include "process/worker/worker_settings.hpp"
#include "support/leaks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>

namespace identities {

using namespace fanout::detail;
using testing::HasSubstr;

class identity : public fanout::test::leak_checked {};

/// What the helper, another program, answers as a worker of this one.
std::string answer_of_helper(const hello_frame& said, frame_type& type) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return "no sockets";
  const owned_descriptor ours(pair[0]);
  owned_descriptor theirs(pair[1]);
  const progress_page page = progress_page::create(1);
  owned_descriptor socket = copied_above(theirs.value(), 10);
  const owned_descriptor shared = copied_above(page.descriptor(), 10);
  spawn_settings how;
  how.duplicate(socket.value(), worker_socket);
  how.duplicate(shared.value(), worker_page);
  std::string program = FANOUT_HELPER;
  std::string mode = worker_argument + std::to_string(getpid());
  std::array<char*, 3> arguments{program.data(), mode.data(), nullptr};
  pid_t pid = -1;
  spawn_settings::check(posix_spawn(&pid, program.c_str(), how.files(), how.attributes(), arguments.data(), environ));
  theirs.reset();
  socket.reset();

  std::string bytes;
  frame_writer setup(bytes, frame_type::setup);
  append_raw(bytes, said);
  append_raw(bytes, setup_frame{});
  worker_settings().encode(bytes);
  setup.close();
  EXPECT_EQ(send(ours.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  shutdown(ours.value(), SHUT_WR);
  frame_reader reader;
  std::string payload = "nothing";
  for (;;) {
    const auto got = recv(ours.value(), reader.prepare(4096), 4096, 0);
    if (got <= 0) break;
    reader.added(static_cast<std::size_t>(got));
    if (const auto frame = reader.next()) {
      type = frame->type;
      payload = frame->payload;
      break;
    }
  }
  waitpid(pid, nullptr, 0);
  return payload;
}

TEST_F(identity, a_worker_refuses_a_parent_of_another_build) {
  frame_type type = frame_type::bye;
  const std::string said = answer_of_helper(hello_frame{}, type);
  EXPECT_EQ(type, frame_type::startup_error);
  EXPECT_THAT(said, HasSubstr("the parent is another build of the program: " + to_string(own_build())));
}

TEST_F(identity, a_worker_refuses_what_is_no_parent) {
  frame_type type = frame_type::bye;
  EXPECT_THAT(answer_of_helper(hello_frame{.version = wire_version + 1}, type), HasSubstr("another protocol"));
  EXPECT_EQ(type, frame_type::startup_error);
}

TEST_F(identity, a_parent_refuses_a_worker_of_another_build) {
  EXPECT_EQ(mismatch(hello_frame{}, "worker process"), "");
  hello_frame other;
  other.build[0] ^= 1;
  EXPECT_THAT(mismatch(other, "worker process"), HasSubstr("the worker process is another build of the program"));
  EXPECT_NE(own_build(), build_identity{});
}

}  // namespace identities
