#include "process/worker/io_thread.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace fanout::detail {

io_thread::io_thread(parent_link& parent, run_control& control, task_queue& queue, result_sender& results)
    : parent_(parent),
      control_(control),
      queue_(queue),
      results_(results),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "cannot start a worker");
}

io_thread::~io_thread() {
  stop();
  close(wake_);
}

void io_thread::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  const std::lock_guard lock(starting_);
  if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { attend(stop); });
}

void io_thread::stop() {
  const std::lock_guard lock(starting_);
  if (!thread_.joinable()) return;
  thread_.request_stop();
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(wake_, &one, sizeof one);
  thread_.join();
}

/// Looks once a millisecond while something moves. When none is started although tasks wait, or may come, a lane is at
/// a long one: then the parent may send more or call them back, and only this thread reads.
void io_thread::attend(const std::stop_token& stop) {
  bool look_again = true;
  bool listen = false;
  std::uint32_t last_next = queue_.next();
  while (!stop.stop_requested()) {
    std::array<pollfd, 2> waited{pollfd{wake_, POLLIN, 0}, pollfd{parent_.socket(), POLLIN, 0}};
    constexpr int tick_ms = std::chrono::milliseconds(result_sender::flush_interval).count();
    poll(waited.data(), listen ? 2 : 1, look_again ? tick_ms : -1);
    if (waited[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = read(wake_, &count, sizeof count);
    }
    try {
      if (listen && waited[1].revents != 0) queue_.read_meanwhile();
    } catch (...) {  // the parent does not speak our language
      control_.break_off(std::current_exception());
      return parent_.stop_reading();  // a lane may wait for more
    }
    wanted_.store(false);  // before looking: what comes later asks again
    results_.flush_due();
    const std::uint32_t next = queue_.next();
    const bool stands_still = next == last_next;
    const bool backlog = queue_.backlog();
    look_again = results_.waiting() || (!stands_still && (backlog || queue_.attended()));
    listen = stands_still && queue_.more() && (backlog || (queue_.attended() && !queue_.idle()));
    last_next = next;
    if (look_again) wanted_.store(true);
  }
}

}  // namespace fanout::detail
