#pragma once

#include "process/worker/result_sender.hpp"
#include "process/worker/task_queue.hpp"

#include <atomic>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace fanout::detail {

/// A thread that does what the lanes of a worker cannot do while they are busy: it sends results that wait behind a
/// task that turns out long, reads what the parent sends meanwhile, and gives back tasks that wait there. Started when
/// first wanted, so that a worker whose tasks are long, and therefore handed over one by one, has no thread besides its
/// lanes. Otherwise it sleeps, and while tiny tasks stream it looks after them once a millisecond.
///
/// Thread safety: any thread.
class io_thread {
 public:
  io_thread(parent_link& parent, run_control& control, task_queue& queue, result_sender& results);
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;
  ~io_thread();

  /// Results or tasks wait, or more may come. In one order with the claim of a task, which came before: either this
  /// sees that the thread is about to look, or the thread sees the claim.
  void want() {
    if (wanted_.load() || wanted_.exchange(true)) return;
    wake();
  }
  /// Ends the thread, if there is one.
  void stop();

 private:
  void wake();
  void attend(const std::stop_token& stop);

  parent_link& parent_;
  run_control& control_;
  task_queue& queue_;
  result_sender& results_;
  std::atomic<bool> wanted_{false};
  int wake_;  ///< an event descriptor
  std::mutex starting_;
  std::jthread thread_;
};

}  // namespace fanout::detail
