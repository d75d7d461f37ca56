#pragma once

#include <fanout/fetch/http_options.hpp>

#include <nanobind/nanobind.h>

#include <string>

/// \file
/// Keyword arguments of a fetch: every option of `fanout fetch` that is about HTTP, by its name.
namespace fanout::python {

/// `given`: pairs of an option's long name, without dashes, and its value as on the command line; of an option without
/// one the empty text. Throws `nb::type_error` for a name that is no option, and `std::invalid_argument` for a value
/// that is not accepted.
fetch::http_options read_http_options(nanobind::list given);

/// Of each option: its name, whether it takes a value, and whether it may be repeated.
void bind_fetch_options(nanobind::module_& module);

}  // namespace fanout::python
