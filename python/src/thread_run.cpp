#include "thread_run.hpp"

#include "call.hpp"
#include "gil.hpp"
#include "outcome.hpp"
#include "window.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <ctime>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace fanout::python {
namespace {

using clock = std::chrono::steady_clock;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// A run of a Python function on threads of the interpreter's. Each thread is a lane: it calls `lane`, which keeps the
/// lock and its thread state from task to task, as the threads of Python's own pools cannot. The thread of the caller
/// pulls the inputs, in batches, and takes the outcomes.
///
/// Thread safety: the interpreter's lock guards all members. Who waits gives it back, and looks again.
class thread_run {
 public:
  thread_run(nb::object function, nb::object inputs, std::uint32_t threads, nb::object start_thread, nb::dict how)
      : function_(std::move(function)),
        inputs_(nb::iter(inputs)),
        start_thread_(std::move(start_thread)),
        threads_(threads),
        window_(threads, take_option<std::size_t>(how, "window").value_or(0)),
        timeout_(seconds_option(how, "timeout")) {
    require_no_more(how);
  }

  /// Works until the run is over.
  void lane(std::uint32_t number) {
    for (;;) {
      if (stopped_) return;
      if (waiting_.empty()) {
        if (ended_) return;
        ran_dry_ = true;
        ++idle_;
        wait(work_);
        --idle_;
        continue;
      }
      work_on(number);
    }
  }

  /// The next outcome in order of completion; none where all came.
  std::optional<python_outcome> next() {
    for (;;) {
      if (!done_.empty()) {
        python_outcome out = std::move(done_.front());
        done_.pop_front();
        ++taken_;
        if (done_.size() < window_.size() / 2) fill();
        return out;
      }
      fill();
      if (done_.empty() && given_ == taken_) return std::nullopt;  // fill() ran the caller's code
      if (done_.empty()) wait_for_outcome();
    }
  }

  /// Values of all inputs, by index, into `into`; throws the first error.
  void collect(nb::list into) {
    values_ = std::move(into);
    for (;;) {
      fill();
      if (!failed_.is_valid() && given_ == taken_) return;
      if (failed_.is_valid()) raise_error(failed_);
      wait_for_outcome();
    }
  }

  /// Lanes end with the tasks they are at.
  void stop() {
    stopped_ = true;
    start_thread_.reset();  // it refers to this run
    waiting_.clear();
    work_.notify();
  }

  /// No more inputs are pulled; those that were are worked on.
  void stop_pulling() {
    ended_ = true;
    work_.notify();
  }
  /// That many threads from now on, if that is more.
  void grow(std::uint32_t threads) {
    if (threads <= threads_) return;
    threads_ = threads;
    grown_ = true;
    window_.at_least(2 * std::size_t{threads});
  }

  /// What the collector of cycles has to know: the caller's objects may refer to the run.
  static int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    if (!nb::inst_ready(self)) return 0;
    const auto* run = nb::inst_ptr<thread_run>(self);
    for (const nb::object* each : {&run->function_, &run->inputs_, &run->start_thread_}) Py_VISIT(each->ptr());
    return 0;
  }
  static int clear(PyObject* self) {
    auto* run = nb::inst_ptr<thread_run>(self);
    run->function_.reset();
    run->inputs_.reset();
    run->start_thread_.reset();
    return 0;
  }

  std::size_t held = 0;

 private:
  struct input {
    std::uint64_t index = 0;
    nb::object value;
  };

  static void wait(change_signal& signal) {
    const std::uint64_t seen = signal.now();
    const nb::gil_scoped_release without;
    signal.wait_for(seen, std::chrono::hours(1));
  }
  void wait_for_outcome() {
    consumer_waits_ = true;
    const std::uint64_t seen = outcome_.now();
    try {
      wait_with_signals(outcome_, seen);
    } catch (...) {
      consumer_waits_ = false;
      throw;
    }
    consumer_waits_ = false;
  }

  /// Pulls what there is room for. To pull may run the caller's code, and with it the lanes.
  void fill() {
    if (std::exchange(ran_dry_, false) && limited_) window_.ran_dry(taken_);
    if (std::exchange(grown_, false))  // what was pulled for fewer threads waits for these
      for (std::size_t left = waiting_.size(); left > 0 && started_ < threads_; --left) start_thread_(started_++);
    std::size_t woken = 0;
    while (!ended_ && !stopped_ && given_ - taken_ + held < window_.size()) {
      PyObject* const item = PyIter_Next(inputs_.ptr());
      if (!item) {
        ended_ = true;
        work_.notify();
        if (PyErr_Occurred()) throw nb::python_error();
        return;
      }
      if (values_.is_valid()) values_.append(nb::none());
      waiting_.push_back({given_++, nb::steal(item)});
      if (idle_ == 0 && started_ < threads_)
        start_thread_(started_++);
      else if (woken < idle_)
        ++woken, work_.notify_one();
    }
    limited_ = !ended_;
  }

  void work_on(std::uint32_t number) {
    input given = std::move(waiting_.front());
    waiting_.pop_front();
    if (values_.is_valid() && !timeout_) {
      work_for_value(given);
      return;
    }
    python_outcome out;
    out.index = given.index;
    out.lane = number;
    const auto started = clock::now();
    const double cpu = thread_seconds();
    PyObject* const made = call_with(function_.ptr(), given.value.ptr());
    if (made)
      out.value = nb::steal(made);
    else
      out.error = raised();
    const auto elapsed = clock::now() - started;
    out.started = std::chrono::duration<double>(started.time_since_epoch()).count();
    out.elapsed = std::chrono::duration<double>(elapsed).count();
    out.cpu = thread_seconds() - cpu;
    if (timeout_ && elapsed > *timeout_ && out.ok()) {
      out.error = make_error({.kind = failure_kind::timeout,
                              .message = "the task took longer than its time limit; on a thread it cannot be stopped, "
                                         "so it ran to its end",
                              .elapsed = elapsed});
      out.value.reset();
    }
    if (stopped_) return;  // nobody wants it
    if (!values_.is_valid()) {
      done_.push_back(std::move(out));
    } else if (out.ok()) {
      put(given.index, std::move(out.value));
    } else if (!failed_.is_valid()) {
      failed_ = out.error;
    }
    announce();
  }
  /// For `collect`: nobody asks how long it took.
  void work_for_value(const input& given) {
    PyObject* const made = call_with(function_.ptr(), given.value.ptr());
    if (made) {
      put(given.index, nb::steal(made));
    } else {
      nb::object error = raised();
      if (!failed_.is_valid()) failed_ = std::move(error);
    }
    announce();
  }
  void put(std::uint64_t index, nb::object value) {
    PyList_SetItem(values_.ptr(), static_cast<Py_ssize_t>(index), value.release().ptr());
    ++taken_;
  }
  /// Wakes the caller where there is something for it to do: not for each of many outcomes.
  void announce() {
    if (!consumer_waits_) return;
    if (values_.is_valid() && !failed_.is_valid() && !waiting_.empty() && waiting_.size() > window_.size() / 4) return;
    consumer_waits_ = false;
    outcome_.notify();
  }
  static nb::object raised() {
    nb::python_error error;
    return nb::borrow(error.value());
  }

  nb::object function_;
  nb::object inputs_;
  nb::object start_thread_;
  std::uint32_t threads_;
  window window_;
  const std::optional<std::chrono::nanoseconds> timeout_;
  std::deque<input> waiting_;
  std::deque<python_outcome> done_;
  nb::list values_ = nb::steal<nb::list>(nullptr);  ///< of `collect`
  nb::object failed_;
  std::uint64_t given_ = 0;
  std::uint64_t taken_ = 0;
  std::uint32_t started_ = 0;
  std::uint32_t idle_ = 0;  ///< lanes that wait for work
  bool ended_ = false;
  bool stopped_ = false;
  bool grown_ = false;
  bool ran_dry_ = false;  ///< a lane found nothing to do
  bool limited_ = false;  ///< the window kept the last `fill` from going on
  bool consumer_waits_ = false;
  change_signal work_;
  change_signal outcome_;
};

PyType_Slot thread_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&thread_run::traverse)},
                              {Py_tp_clear, reinterpret_cast<void*>(&thread_run::clear)},
                              {0, nullptr}};

}  // namespace

void bind_thread_run(nb::module_& module) {
  nb::class_<thread_run>(module, "ThreadRun", nb::type_slots(thread_slots))
      .def(nb::init<nb::object, nb::object, std::uint32_t, nb::object, nb::dict>(), nb::arg("function"),
           nb::arg("inputs"), nb::arg("threads"), nb::arg("start_thread"), nb::arg("how"))
      .def("lane", &thread_run::lane, nb::arg("number"))
      .def("__iter__", [](nb::handle self) { return self; })
      .def("__next__",
           [](thread_run& self) {
             auto out = self.next();
             if (!out) throw nb::stop_iteration();
             return *std::move(out);
           })
      .def("collect", &thread_run::collect, nb::arg("into"))
      .def("stop", &thread_run::stop)
      .def("stop_pulling", &thread_run::stop_pulling)
      .def("grow", &thread_run::grow, nb::arg("threads"))
      .def_rw("held", &thread_run::held);
}

}  // namespace fanout::python
