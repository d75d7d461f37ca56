#pragma once

#include <nanobind/nanobind.h>

/// \file
/// The pool of worker processes behind `fanout.ProcessPool`.
namespace fanout::python {

void bind_pool(nanobind::module_& module);

}  // namespace fanout::python
