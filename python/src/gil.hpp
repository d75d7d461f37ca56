#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

/// \file
/// Waiting, with and without the interpreter's lock.
namespace fanout::python {

namespace nb = nanobind;

/// Holds the lock on a thread of the engine's. The thread keeps its Python thread state from one time to the next: to
/// make one costs more than most tasks, and `threading.local` would forget what the task before left there.
class held_gil {
 public:
  held_gil();
  held_gil(const held_gil&) = delete;
  held_gil& operator=(const held_gil&) = delete;
  ~held_gil();
};

/// Something changed: a counter that can be waited for. A waiter reads `now` while it still has the lock that guards
/// the state, and waits without it. Thread safety: any thread.
class change_signal {
 public:
  std::uint64_t now() const;
  void notify();
  void notify_one();  ///< one of those who wait
  /// Until the counter is no longer `seen`, or `limit` is over; false then. Not with the interpreter's lock.
  bool wait_for(std::uint64_t seen, std::chrono::milliseconds limit);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t count_ = 0;
};

/// So long may a wait of the main thread go on before it looks for signals, such as Ctrl-C.
inline constexpr std::chrono::milliseconds signal_interval{50};

/// Waits for the next change without the interpreter's lock, for no longer than `limit`; then runs the
/// handlers of signals that have come. Throws what they raise.
void wait_with_signals(change_signal& signal, std::uint64_t seen, std::chrono::milliseconds limit = signal_interval);

}  // namespace fanout::python
