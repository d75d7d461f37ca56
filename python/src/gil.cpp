#include "gil.hpp"

namespace fanout::python {
namespace {

/// The state that this thread keeps; null before its first turn. A thread that came from Python has one already.
thread_local PyThreadState* kept_state = nullptr;

}  // namespace

held_gil::held_gil() {
  if (kept_state) {
    PyEval_RestoreThread(kept_state);
    return;
  }
  PyGILState_Ensure();  // never released: the state stays this thread's
  kept_state = PyThreadState_Get();
}

held_gil::~held_gil() {
  PyEval_SaveThread();
}

std::uint64_t change_signal::now() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void change_signal::notify() {
  {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  changed_.notify_all();
}

void change_signal::notify_one() {
  {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  changed_.notify_one();
}

bool change_signal::wait_for(std::uint64_t seen, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, [&] { return count_ != seen; });
}

void wait_with_signals(change_signal& signal, std::uint64_t seen, std::chrono::milliseconds limit) {
  {
    const nb::gil_scoped_release without;
    signal.wait_for(seen, limit);
  }
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

}  // namespace fanout::python
