#pragma once

#include <fanout/core/worker_options.hpp>

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

/// \file
/// Keyword arguments as options of the engine's. Each function takes what it reads out of the dict, so that what is
/// left in the end is what nobody knows.
namespace fanout::python {

namespace nb = nanobind;

template <class T>
std::optional<T> take_option(nb::dict how, const char* name) {
  if (!how.contains(name)) return std::nullopt;
  const nb::object value = how[name];
  PyDict_DelItemString(how.ptr(), name);
  if (value.is_none()) return std::nullopt;
  T read{};
  if (!nb::try_cast<T>(value, read))
    throw nb::type_error((std::string(name) + " cannot be " + nb::repr(value).c_str()).c_str());
  return read;
}

/// A number of seconds, or a datetime.timedelta.
std::optional<std::chrono::nanoseconds> seconds_option(nb::dict how, const char* name);

/// How worker processes are started: `command`, and what fanout/_workers.py makes of the caller's arguments.
worker_options worker_options_from(nb::dict how);

/// Throws `nb::type_error` that names the first of what nobody took.
void require_no_more(nb::dict how);

}  // namespace fanout::python
