#include "outcome.hpp"

#include "codec.hpp"
#include "worker_call.hpp"

#include <nanobind/stl/string.h>

#include <chrono>

namespace fanout::python {
namespace {

double seconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double>(span).count();
}

nb::object result_of(const python_outcome& out) {
  if (!out.ok()) raise_error(out.error);
  return out.value;
}

nb::object or_none(const nb::object& value) {
  return value.is_valid() ? value : nb::none();
}

std::string describe(const python_outcome& out) {
  const std::string what = out.ok() ? "value=" + std::string(nb::repr(out.value).c_str())
                                    : "error=" + std::string(nb::repr(out.error).c_str());
  return "Outcome(index=" + std::to_string(out.index) + ", " + what + ")";
}

int traverse_outcome(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  const auto* out = nb::inst_ptr<python_outcome>(self);
  Py_VISIT(out->value.ptr());
  Py_VISIT(out->error.ptr());
  return 0;
}
int clear_outcome(PyObject* self) {
  auto* out = nb::inst_ptr<python_outcome>(self);
  out->value = nb::none();
  out->error.reset();
  return 0;
}
PyType_Slot outcome_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&traverse_outcome)},
                               {Py_tp_clear, reinterpret_cast<void*>(&clear_outcome)},
                               {0, nullptr}};

}  // namespace

nb::object make_error(const failure& reason) {
  return nb::module_::import_("fanout._errors")
      .attr("make")(std::string(to_string(reason.kind)), reason.message, reason.signal, seconds(reason.elapsed),
                    reason.attempts);
}

python_outcome outcome_of(const outcome<std::string>& got) {
  python_outcome out;
  out.index = got.index;
  out.lane = got.lane;
  out.started = seconds(got.started.time_since_epoch());
  out.elapsed = seconds(got.elapsed());
  out.cpu = got.cpu.count() < 0 ? -1.0 : seconds(got.cpu);
  if (!got.ok()) {
    out.error = make_error(got.error());
    return out;
  }
  try {
    worker_answer answer = read_answer(got.value());
    (answer.raised ? out.error : out.value) = std::move(answer.object);
  } catch (nb::python_error& unreadable) {
    out.error = nb::borrow(unreadable.value());
  }
  return out;
}

void raise_error(nb::handle error) {
  PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error.ptr())), error.ptr());
  throw nb::python_error();
}

void bind_outcome(nb::module_& module) {
  nb::class_<python_outcome>(module, "Outcome", nb::type_slots(outcome_slots),
                             "What became of one task: its value, or the exception that it ended with.")
      .def(
          "__init__",
          [](python_outcome* self, std::uint64_t index, const nb::object& value, const nb::object& error,
             double started, double elapsed, double cpu) {
            new (self) python_outcome{index,
                                      error.is_none() ? value : nb::object(),
                                      error.is_none() ? nb::object() : error,
                                      started,
                                      elapsed,
                                      cpu,
                                      0};
          },
          nb::arg("index"), nb::arg("value").none() = nb::none(), nb::arg("error").none() = nb::none(),
          nb::arg("started") = 0.0, nb::arg("elapsed") = 0.0, nb::arg("cpu") = -1.0)
      .def_rw("index", &python_outcome::index, "Position of the input, from 0.")
      .def_prop_ro("ok", &python_outcome::ok, "Whether there is a value.")
      .def_prop_ro(
          "value", [](const python_outcome& out) { return or_none(out.value); },
          "The value; None where the task failed.")
      .def_prop_ro(
          "error", [](const python_outcome& out) { return or_none(out.error); },
          "The exception; None where the task succeeded.")
      .def_ro("started", &python_outcome::started, "When it began, in seconds of time.perf_counter().")
      .def_ro("elapsed", &python_outcome::elapsed, "Seconds from its begin to its end.")
      .def_prop_ro(
          "cpu", [](const python_outcome& out) { return out.cpu < 0 ? nb::none() : nb::object(nb::float_(out.cpu)); },
          "Seconds of CPU it used; None where that cannot be told apart from other tasks.")
      .def_ro("lane", &python_outcome::lane, "The thread it ran on, numbered over all processes of the run.")
      .def("result", &result_of, "The value. Raises the exception where the task failed.")
      .def("__repr__", &describe);
}

}  // namespace fanout::python
