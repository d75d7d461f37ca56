#include "process/worker/worker.hpp"

#include <fanout/core/detail/usage.hpp>

#include "process/channel/wire.hpp"
#include "process/channel/worker_descriptors.hpp"
#include "process/worker/parent_link.hpp"
#include "process/worker/worker_run.hpp"
#include "process/worker/worker_settings.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <exception>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {
namespace {

void send_startup_error(parent_link& parent, std::string_view why) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::startup_error);
  bytes += why;
  frame.close();
  parent.send_all(bytes);
}

void serve(parent_link& parent) {
  frame_reader reader;
  std::optional<frame_reader::frame> first;
  while (!(first = reader.next())) {
    parent.wait_readable();
    if (!parent.fill(reader)) return;  // the run ended before it needed this worker
  }
  auto payload = first->payload;
  const auto said = take_raw<hello_frame>(payload);
  if (first->type != frame_type::setup || !said) throw error(failure_kind::protocol, "the parent sent no set-up");
  if (const std::string why = mismatch(*said, "parent"); !why.empty()) throw error(failure_kind::protocol, why);
  const auto setup = take_raw<setup_frame>(payload);
  if (!setup) throw error(failure_kind::protocol, "the parent sent a set-up that ends too soon");
  const auto settings = worker_settings::decode(payload);
  progress_page page = progress_page::open(worker_page, setup->threads);
  page.set_preparing(true);
  settings.enter();
  page.set_preparing(false);
  send_frame(parent, frame_type::hello, hello_frame{});
  worker_run run(parent, *setup, reader, std::move(page));
  run.run();
  const std::string warning = settings.leave();
  std::string bytes;
  frame_writer bye(bytes, frame_type::bye);
  append_raw(bytes, bye_frame{peak_rss_bytes()});
  bytes += warning;
  bye.close();
  parent.send_all(bytes);
}

/// Ctrl-C reaches the whole process group; the parent decides what it means. It was blocked so far (spawn_worker).
void ignore_interrupts() {
  signal(SIGINT, SIG_IGN);
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  pthread_sigmask(SIG_UNBLOCK, &interrupt, nullptr);
}

/// The system kills this process when its parent ends, whatever it is at. It forgets the first way of asking for that
/// when a task changes the user or group of the process, or runs a file that does (prctl(2)). The second one it keeps:
/// the end of the pipe's only writer is an event of asynchronous I/O, announced by the signal that is asked for
/// (F_SETSIG in fcntl(2)). A child that the parent forked keeps the pipe open, which the first way does not mind; so
/// there are two.
void die_with_parent() {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fcntl(worker_lifeline, F_SETOWN, getpid());
  fcntl(worker_lifeline, F_SETSIG, SIGKILL);
  fcntl(worker_lifeline, F_SETFL, O_ASYNC | fcntl(worker_lifeline, F_GETFL));
}

}  // namespace

std::optional<int> parent_in(std::string_view argument) {
  const std::string_view marker = worker_argument;
  int parent = 0;
  if (!argument.starts_with(marker)) return std::nullopt;
  const char* const end = argument.data() + argument.size();
  const auto read = std::from_chars(argument.data() + marker.size(), end, parent);
  return read.ec == std::errc{} && read.ptr == end ? std::optional(parent) : std::nullopt;
}

// A program may have been handed other arguments than the process has: a subcommand's, a plug-in's, none. If it went on
// with its main then, it would start workers that do the same, and those others.
std::optional<int> started_as_worker(int argc, char** argv) {
  if (argc == 2 && argv && argv[1])
    if (const auto parent = parent_in(argv[1])) return parent;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string name;
  std::string argument;
  std::string more;
  if (!std::getline(file, name, '\0') || !std::getline(file, argument, '\0') || std::getline(file, more, '\0'))
    return std::nullopt;
  return parent_in(argument);
}

int run_worker(int parent_pid) {
  die_with_parent();
  if (getppid() != parent_pid) return 1;  // it died before the line above could take effect
  ignore_interrupts();
  for (const int descriptor : {worker_socket, worker_page, worker_lifeline}) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  parent_link parent(worker_socket);
  try {
    serve(parent);
    return 0;
  } catch (const std::exception& why) {
    send_startup_error(parent, why.what());
    return 1;
  }
}

}  // namespace fanout::detail
