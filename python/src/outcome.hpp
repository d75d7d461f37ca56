#pragma once

#include <fanout/base/failure.hpp>
#include <fanout/core/outcome.hpp>

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

/// \file
/// What became of one task, as Python sees it: `fanout.Outcome`.
namespace fanout::python {

namespace nb = nanobind;

struct python_outcome {
  std::uint64_t index = 0;
  nb::object value;    ///< null where there is an error
  nb::object error;    ///< an exception; null where there is a value
  double started = 0;  ///< as `time.perf_counter`, seconds
  double elapsed = 0;  ///< seconds
  double cpu = -1;     ///< seconds; negative where it is not known
  std::uint32_t lane = 0;

  bool ok() const { return !error.is_valid(); }
};

/// A failure of the engine as an exception of Python's (fanout/_errors.py).
nb::object make_error(const failure& reason);

/// The answer of a worker, as `python_call` (worker_call.hpp) wrote it: a value, or what the function raised.
python_outcome outcome_of(const outcome<std::string>& got);

/// The error as it is to be raised; the reference is given away.
[[noreturn]] void raise_error(nb::handle error);

void bind_outcome(nb::module_& module);

}  // namespace fanout::python
