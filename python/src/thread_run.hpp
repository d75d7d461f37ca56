#pragma once

#include <nanobind/nanobind.h>

/// \file
/// Runs of Python functions on Python threads.
namespace fanout::python {

void bind_thread_run(nanobind::module_& module);

}  // namespace fanout::python
