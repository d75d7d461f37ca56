#pragma once

#include <nanobind/nanobind.h>

/// \file
/// `fanout.compare`: the caller's function as a workload of the engine's comparison, which measures and judges it.
namespace fanout::python {

void bind_comparison(nanobind::module_& module);

}  // namespace fanout::python
