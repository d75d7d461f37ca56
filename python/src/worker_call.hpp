#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>

/// \file
/// A Python function as a remote function of the engine's: what travels to a worker and back, and who calls it there.
///
/// The context of the function is its pickle, with the names of the modules it was found in. An argument is a letter
/// and a value: `1`, the only argument; `*`, a tuple of all; `c`, a tuple of a tuple and a dict. An answer is a letter
/// and what follows: `V` and the value, or `E` and the pickle of what was raised (fanout/_serialize.py). So what a
/// function raises is a value to the engine, whose failures are deaths of workers, time limits and the like.
namespace fanout::python {

namespace nb = nanobind;

enum class call_form : char { one = '1', star = '*', full = 'c' };

/// The remote function that calls Python functions, by the name that the engine knows it by.
std::string worker_function();
/// The same for the initializer of a worker: what it raises is a failure of the engine's.
std::string setup_function();

/// An argument, encoded. Throws `nb::python_error`.
std::string encode_argument(call_form form, nb::handle value);
/// In place of an argument that could not be encoded: whoever calls it raises `error`, on the way that all answers
/// take.
std::string encode_refusal(nb::handle error);

struct worker_answer {
  bool raised = false;
  nb::object object;  ///< the value, or the exception with its remote traceback
};
/// Throws `nb::python_error` where the value cannot be unpickled here.
worker_answer read_answer(std::string_view bytes);

void bind_worker(nb::module_& module);

}  // namespace fanout::python
