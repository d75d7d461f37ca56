#include <fanout/base/failure.hpp>
#include <fanout/core/shape.hpp>
#include <fanout/process/init.hpp>
#include <fanout/version.hpp>

#include "arrow_stream.hpp"
#include "comparison.hpp"
#include "fetch_options.hpp"
#include "fetch_run.hpp"
#include "map_run.hpp"
#include "outcome.hpp"
#include "pool.hpp"
#include "process_run.hpp"
#include "record.hpp"
#include "thread_run.hpp"
#include "worker_call.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <string>

/// \file
/// `fanout._core`: the engine, for the Python files beside it. Not for users.
namespace fanout::python {
namespace {

/// Its address tells this module's build.
const char here = 0;

/// Failures that no outcome carries, such as those of a run that cannot start a worker, as Python's exceptions.
void translate(const std::exception_ptr& thrown, void*) {
  try {
    std::rethrow_exception(thrown);
  } catch (const fanout::error& failed) {
    const nb::object made = make_error(failed.failure());
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(made.ptr())), made.ptr());
  }
}

nb::tuple read_shape(const std::string& text) {
  const shape read = parse_shape(text);
  validate(read);  // no machines: those are for programs that have nodes
  constexpr const char* names[] = {"sync", "threads", "async", "processes", "hybrid", "grid", "auto"};
  return nb::make_tuple(names[static_cast<int>(read.model)], read.processes, read.threads, read.in_flight, read.tasks);
}

}  // namespace

// The name that Python looks for is that of the function below, which looks first.
#define PyInit__core init_core_of_main_interpreter
NB_MODULE(_core, module) {
  nb::set_leak_warnings(false);  // objects of a thread that the interpreter's end cut short
  identify_build_by(&here);
  serve_worker("");  // this process may have workers
  nb::register_exception_translator(&translate);
  module.attr("__version__") = std::to_string(FANOUT_VERSION_MAJOR) + "." + std::to_string(FANOUT_VERSION_MINOR) + "." +
                               std::to_string(FANOUT_VERSION_PATCH);
  module.def("parse_shape", &read_shape, nb::arg("text"),
             "A shape as (model, processes, threads, in flight, tasks). Raises ValueError.");
  module.def("available_cores", &available_cores);
  bind_outcome(module);
  bind_worker(module);
  bind_process_run(module);
  bind_map_run(module);
  bind_pool(module);
  bind_thread_run(module);
  bind_record(module);
  bind_fetch_options(module);
  bind_fetch_run(module);
  bind_comparison(module);
  bind_arrow_stream(module);
}
#undef PyInit__core

/// The engine has one set of threads and workers for a process, and nanobind one set of types: in a second interpreter
/// both would be mixed up. So the import fails there before anything is touched.
extern "C" NB_EXPORT PyObject* PyInit__core();
extern "C" PyObject* PyInit__core() {
  if (PyInterpreterState_GetID(PyInterpreterState_Get()) == 0) return init_core_of_main_interpreter();
  PyErr_SetString(PyExc_ImportError,
                  "fanout works in the main interpreter of a process, and this is another interpreter");
  return nullptr;
}

}  // namespace fanout::python
