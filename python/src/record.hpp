#pragma once

#include <fanout/fetch/exchange.hpp>

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>

/// \file
/// What became of one request, as Python sees it: `fanout.Response`.
namespace fanout::python {

/// A record of the engine's with what was asked. Objects of Python are made of it when they are asked for; the body is
/// a buffer that is not copied.
struct python_record {
  std::uint64_t index = 0;
  std::string url;
  std::string id;
  std::string file;  ///< that has the body; empty: none has
  fetch::record what;
};

void bind_record(nanobind::module_& module);

}  // namespace fanout::python
