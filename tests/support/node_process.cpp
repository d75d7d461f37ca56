#include "support/node_process.hpp"

#include <fanout/async/detail/spawn_settings.hpp>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace fanout::test {
namespace {

constexpr std::string_view node_argument = "--be-a-node";
constexpr int node_in = 3;
constexpr int node_out = 4;

std::array<detail::owned_descriptor, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "no pipe");
  return {detail::owned_descriptor(ends[0]), detail::owned_descriptor(ends[1])};
}

}  // namespace

bool is_node(int argc, char** argv) {
  return argc == 2 && node_argument == argv[1];
}

int be_node() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int descriptor : {node_in, node_out}) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  serve_node(detail::owned_descriptor(node_in), detail::owned_descriptor(node_out));
  return 0;
}

node_process::node_process() {
  auto [node_reads, we_write] = make_pipe();
  auto [we_read, node_writes] = make_pipe();
  const auto in = detail::copied_above(node_reads.value(), 10);
  const auto out = detail::copied_above(node_writes.value(), 10);
  detail::spawn_settings how;
  how.duplicate(in.value(), node_in);
  how.duplicate(out.value(), node_out);
  how.close_from(node_out + 1);
  std::string program = "/proc/self/exe";
  std::string argument(node_argument);
  std::array<char*, 3> arguments{program.data(), argument.data(), nullptr};
  detail::spawn_settings::check(
      posix_spawn(&pid_, program.c_str(), how.files(), how.attributes(), arguments.data(), environ));
  from_node_ = std::move(we_read);
  to_node_ = std::move(we_write);
}

node_process::node_process(node_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      from_node_(std::move(other.from_node_)),
      to_node_(std::move(other.to_node_)) {}

node_process::~node_process() {
  if (pid_ < 0) return;
  signal(SIGKILL);
  wait();
}

std::unique_ptr<node_link> node_process::link() {
  return node_over(std::move(from_node_), std::move(to_node_));
}

void node_process::signal(int number) const {
  if (pid_ > 0) kill(pid_, number);
}

int node_process::wait() {
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return status;
}

node_processes::node_processes(std::size_t count, const node_options& how) {
  std::vector<std::unique_ptr<node_link>> links;
  for (std::size_t i = 0; i < count; ++i) links.push_back(processes_.emplace_back().link());
  nodes_ = std::make_unique<nodes>(how, std::move(links));
}

node_processes::~node_processes() {
  end();
}

int node_processes::end() {
  nodes_.reset();
  int failed = 0;
  for (node_process& each : processes_) failed += each.wait() != 0 ? 1 : 0;
  processes_.clear();
  return failed;
}

}  // namespace fanout::test
