#pragma once

#include <nanobind/nanobind.h>

#include <cstddef>

/// \file
/// What one module for all versions of CPython from 3.12 on has to do without (its stable ABI).
namespace fanout::python {

/// PyObject_CallOneArg: a new reference, or null with an exception set.
inline PyObject* call_with(PyObject* function, PyObject* argument) {
  PyObject* arguments[] = {nullptr, argument};  // the place in front is lent to the callee
  return PyObject_Vectorcall(function, arguments + 1, std::size_t{1} | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
}

/// PyCoro_CheckExact.
bool is_coroutine(PyObject* value);

}  // namespace fanout::python
