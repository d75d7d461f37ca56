// Workers that are started by another command than this program's name, and serve without fanout::init.

#include <fanout/fanout.hpp>

#include "process/channel/build_identity.hpp"
#include "process/commanded_worker.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::test {

const void* address_in_libc() {
  return dlsym(RTLD_DEFAULT, "getpid");
}

std::optional<int> serve_by_command(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "--serve-as-libc" && argc == 3) {
    identify_build_by(address_in_libc());
    return serve_worker(argv[2]);
  }
  if (what == "--serve-and-note" && argc == 4) {
    const auto status = serve_worker(argv[3]);
    std::ofstream(argv[2]) << (status ? std::to_string(*status) : "none");
    return status;
  }
  return std::nullopt;
}

}  // namespace fanout::test

namespace worker_commands {

using namespace fanout;
using testing::Each;
using testing::HasSubstr;

constexpr const char* own_program = "/proc/self/exe";

int niceness(int) {
  return getpriority(PRIO_PROCESS, 0);
}
int pid_of(int) {
  return getpid();
}

class worker_command : public test::leak_checked {};

TEST_F(worker_command, may_be_a_wrapper_around_the_program) {
  const int own = getpriority(PRIO_PROCESS, 0);
  if (own > 17) GTEST_SKIP() << "this process is as nice as can be";
  options how(processes(2));
  how.workers.command = {"nice", "-n", "2", "--", std::filesystem::canonical(own_program)};
  EXPECT_THAT(map(how, remote<niceness>, std::vector{1, 2, 3}), Each(own + 2));
  process_pool pool({.processes = 1, .workers = how.workers});
  EXPECT_EQ(pool.call(remote<niceness>, 1), own + 2);
}

TEST_F(worker_command, that_is_none_is_said_so) {
  options how(processes(1));
  how.workers.command = {"/no/such/program", "x"};
  try {
    map(how, remote<pid_of>, std::vector{1});
    FAIL() << "nothing was thrown";
  } catch (const std::exception& why) {
    EXPECT_THAT(why.what(), HasSubstr("by the command /no/such/program"));
  }
  how.workers.command = {""};
  EXPECT_THROW(map(how, remote<pid_of>, std::vector{1}), std::invalid_argument);
  how.workers.command = {"nice", std::string("a\0b", 3)};
  EXPECT_THROW(map(how, remote<pid_of>, std::vector{1}), std::invalid_argument);
}

TEST_F(worker_command, may_serve_and_go_on) {
  const fanout_test::temporary_directory place;
  const std::string note = place / "note";
  options how(processes(1));
  how.workers.command = {own_program, "--serve-and-note", note};
  EXPECT_NE(map(how, remote<pid_of>, std::vector{1}).front(), getpid());
  std::string said;
  std::ifstream(note) >> said;
  EXPECT_EQ(said, "0") << "the worker was not there any more after it had served";
}

TEST_F(worker_command, other_arguments_are_no_workers) {
  EXPECT_EQ(serve_worker(""), std::nullopt);
  EXPECT_EQ(serve_worker("--fanout-worker"), std::nullopt);
  EXPECT_EQ(serve_worker("--fanout-worker=12x"), std::nullopt);
}

/// This process has the build of the C library, as long as it lives.
class as_libc {
 public:
  as_libc() { identify_build_by(test::address_in_libc()); }
  as_libc(const as_libc&) = delete;
  as_libc& operator=(const as_libc&) = delete;
  ~as_libc() { detail::set_own_build(before_); }

 private:
  const detail::build_identity before_ = detail::own_build();
};

TEST_F(worker_command, a_module_is_told_by_its_own_build) {
  Dl_info libc{};
  ASSERT_NE(dladdr(test::address_in_libc(), &libc), 0);
  EXPECT_EQ(detail::build_at(test::address_in_libc()), detail::build_of(libc.dli_fname));
  EXPECT_NE(detail::build_at(test::address_in_libc()), detail::own_build());
  const auto own = detail::build_at(reinterpret_cast<const void*>(&niceness));
  EXPECT_TRUE(!own || *own == detail::own_build());
  EXPECT_EQ(detail::build_at(nullptr), std::nullopt);
  EXPECT_THROW(identify_build_by(nullptr), std::invalid_argument);
}

TEST_F(worker_command, both_ends_are_told_by_the_same_object) {
  const as_libc here;
  options how(processes(1));
  EXPECT_THROW(map(how, remote<pid_of>, std::vector{1}), std::runtime_error) << "the worker is told by its program";
  how.workers.command = {own_program, "--serve-as-libc"};
  EXPECT_NE(map(how, remote<pid_of>, std::vector{1}).front(), getpid());
}

}  // namespace worker_commands
