#include "process_run.hpp"

#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/core/run.hpp>
#include <fanout/process/untyped.hpp>

#include "worker_call.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <stdexcept>
#include <utility>

namespace fanout::python {
namespace {

constexpr std::size_t several = 16;
constexpr std::chrono::microseconds gathering_time{200};

std::size_t places_of(const shape& value) {
  return std::size_t{value.processes} * value.threads;
}

}  // namespace

process_run::process_run(nb::bytes function, nb::object inputs, const std::string& shape, nb::dict how)
    : function_(function.c_str(), function.size()),
      inputs_(nb::iter(inputs)),
      how_(parse_shape(shape)),
      window_(places_of(how_.shape), take_option<std::size_t>(how, "window").value_or(0)),
      generation_(fanout::detail::fork_generation()) {
  how_.on_error = on_error::collect;  // what a function raises is a value to the engine, and the caller decides
  how_.task_timeout = seconds_option(how, "timeout").value_or(std::chrono::nanoseconds(0));
  how_.stop = stop_.get_token();
  how_.workers = worker_options_from(how);
  require_no_more(how);
}

process_run::~process_run() {
  if (fanout::detail::fork_generation() == generation_) {
    close();
  } else if (thread_.joinable()) {
    thread_.detach();  // it is not there in a fork of the process
  }
}

void process_run::start() {
  if (thread_.joinable() || over_) return;
  thread_ = std::thread([shared = shared_, how = how_, function = function_] {
    std::exception_ptr failed;
    report cost;
    try {
      cost =
          run(how, untyped_function<false>(worker_function(), function), shared->inputs, [&](outcome<std::string> got) {
            bool first = false;
            {
              const std::lock_guard lock(shared->mutex);
              first = shared->arrived.empty();
              shared->arrived.push_back(std::move(got));
            }
            if (first) shared->changed.notify();
          });
    } catch (...) {
      failed = std::current_exception();
    }
    {
      const std::lock_guard lock(shared->mutex);
      shared->over = true;
      shared->failed = failed;
      shared->cost = cost;
    }
    shared->changed.notify();
  });
}

void process_run::require_own_process() const {
  if (fanout::detail::fork_generation() != generation_)
    throw std::runtime_error(
        "this run belongs to the process that started it, and this is a fork of that one: start a run here");
}

// An input that cannot be encoded keeps its place: a worker raises what is wrong with it.
void process_run::fill() {
  std::vector<std::string> given;
  std::size_t bytes = 0;
  while (!ended_ && given_ - taken_ + held < window_.size() && window::has_room(bytes)) {
    PyObject* const item = PyIter_Next(inputs_.ptr());
    if (!item) {
      if (PyErr_Occurred()) throw nb::python_error();
      ended_ = true;
      break;
    }
    const nb::object input = nb::steal(item);
    std::string encoded;
    try {
      encoded = encode_argument(call_form::one, input);
    } catch (nb::python_error& unfit) {
      encoded = encode_refusal(unfit.value());
    }
    bytes += encoded.size();
    given.push_back(std::move(encoded));
    ++given_;
  }
  shared_->inputs.give(std::move(given));
  if (ended_) shared_->inputs.end();
}

bool process_run::refill() {
  const bool gather = batch_.size() >= several;
  batch_.clear();
  position_ = 0;
  if (over_) return false;
  require_own_process();
  start();
  for (;;) {
    fill();
    const std::uint64_t seen = shared_->changed.now();
    {
      const std::lock_guard lock(shared_->mutex);
      batch_.swap(shared_->arrived);
      if (batch_.empty() && shared_->over) break;
    }
    if (!batch_.empty()) {
      if (!ended_ && shared_->inputs.empty()) window_.ran_dry(taken_);
      return true;
    }
    wait_with_signals(shared_->changed, seen);
    if (gather) {  // to be woken for each outcome costs more than the outcome, and where several came, more are about
                   // to
      const nb::gil_scoped_release without;
      std::this_thread::sleep_for(gathering_time);
    }
  }
  join();
  if (shared_->failed) std::rethrow_exception(shared_->failed);
  return false;
}

std::optional<python_outcome> process_run::next() {
  if (position_ == batch_.size() && !refill()) return std::nullopt;
  ++taken_;
  return outcome_of(batch_[position_++]);
}

void process_run::join() {
  over_ = true;
  if (!thread_.joinable()) return;
  {
    const nb::gil_scoped_release without;
    thread_.join();
  }
  cost_ = shared_->cost;
}

void process_run::close() {
  if (over_) return;
  require_own_process();
  shared_->inputs.drop();
  stop_.request_stop();
  join();
  batch_.clear();
  position_ = 0;
}

int process_run::traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  Py_VISIT(nb::inst_ptr<process_run>(self)->inputs_.ptr());
  return 0;
}
int process_run::clear(PyObject* self) {
  nb::inst_ptr<process_run>(self)->inputs_.reset();
  return 0;
}

namespace {
PyType_Slot run_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&process_run::traverse)},
                           {Py_tp_clear, reinterpret_cast<void*>(&process_run::clear)},
                           {0, nullptr}};
}

void bind_process_run(nb::module_& module) {
  nb::class_<process_run>(module, "ProcessRun", nb::type_slots(run_slots))
      .def(nb::init<nb::bytes, nb::object, const std::string&, nb::dict>(), nb::arg("function"), nb::arg("inputs"),
           nb::arg("shape"), nb::arg("how"))
      .def("__iter__", [](nb::handle self) { return self; })
      .def("__next__",
           [](process_run& self) {
             auto out = self.next();
             if (!out) throw nb::stop_iteration();
             return *std::move(out);
           })
      .def("close", &process_run::close)
      .def_rw("held", &process_run::held)
      .def_prop_ro("cost",
                   [](const process_run& self) -> nb::object {
                     if (!self.cost()) return nb::none();
                     nb::dict made;
                     made["processes"] = self.cost()->processes;
                     made["threads"] = self.cost()->threads;
                     made["peak_rss_bytes"] = self.cost()->peak_rss_bytes;
                     made["ipc_bytes"] = self.cost()->ipc_bytes;
                     return made;
                   })
      .def_prop_ro("restarts", [](const process_run& self) { return self.cost() ? self.cost()->restarts : 0U; });
}

}  // namespace fanout::python
