#pragma once

#include <nanobind/nanobind.h>

/// \file
/// A fetch under way, behind `fanout.fetch`, `Client` and `AsyncClient`.
namespace fanout::python {

void bind_fetch_run(nanobind::module_& module);

}  // namespace fanout::python
