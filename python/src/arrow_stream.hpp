#pragma once

#include <nanobind/nanobind.h>

/// \file
/// Records as a stream of Arrow's C data interface (https://arrow.apache.org/docs/format/CStreamInterface.html), for
/// pyarrow, pandas, polars and whoever else reads one.
namespace fanout::python {

void bind_arrow_stream(nanobind::module_& module);

}  // namespace fanout::python
