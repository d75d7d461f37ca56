#include "process/worker.hpp"

#include <fanout/core/usage.hpp>

#include "process/parent_link.hpp"
#include "process/wire.hpp"
#include "process/worker_run.hpp"
#include "process/worker_settings.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <exception>
#include <optional>
#include <string>
#include <string_view>

namespace fanout::detail {
namespace {

void refuse(parent_link& parent, std::string_view why) {
  std::string bytes;
  frame_writer frame(bytes, frame_type::refusal);
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
  settings.enter();
  send_frame(parent, frame_type::hello, hello_frame{});
  worker_run run(parent, *setup, reader);
  run.run();
  const std::string trouble = settings.leave();
  std::string bytes;
  frame_writer bye(bytes, frame_type::bye);
  append_raw(bytes, bye_frame{peak_rss_bytes()});
  bytes += trouble;
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

}  // namespace

int run_worker(int parent_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent_pid) return 1;  // it died before the line above could take effect
  ignore_interrupts();
  fcntl(worker_socket, F_SETFD, FD_CLOEXEC);
  fcntl(worker_page, F_SETFD, FD_CLOEXEC);
  parent_link parent;
  try {
    serve(parent);
    return 0;
  } catch (const std::exception& why) {
    refuse(parent, why.what());
    return 1;
  }
}

}  // namespace fanout::detail
