#include "worker_settings.hpp"

#include "worker_call.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <map>
#include <vector>

namespace fanout::python {
namespace {

/// (function, arguments): the bytes of `_serialize.dump_function` and a tuple of a tuple and a dict.
std::optional<worker_call> take_call(nb::dict how, const char* name) {
  const auto given = take_option<nb::tuple>(how, name);
  if (!given) return std::nullopt;
  const auto function = nb::cast<nb::bytes>((*given)[0]);
  return worker_call{setup_function(), std::string(function.c_str(), function.size()),
                     encode_argument(call_form::full, nb::object((*given)[1]))};
}

}  // namespace

std::optional<std::chrono::nanoseconds> seconds_option(nb::dict how, const char* name) {
  const auto given = take_option<nb::object>(how, name);
  if (!given) return std::nullopt;
  const nb::object number = nb::hasattr(*given, "total_seconds") ? given->attr("total_seconds")() : *given;
  double seconds = 0;
  if (!nb::try_cast<double>(number, seconds) || std::isnan(seconds) || seconds <= 0)
    throw nb::value_error(
        (std::string(name) + " is a number of seconds above 0, not " + nb::repr(*given).c_str()).c_str());
  constexpr double longest = 9e9;  // in nanoseconds it still fits
  return std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds, longest) * 1e9));
}

worker_options worker_options_from(nb::dict how) {
  worker_options made;
  if (auto command = take_option<std::vector<std::string>>(how, "command")) made.command = std::move(*command);
  if (auto all = take_option<std::map<std::string, std::optional<std::string>>>(how, "environment"))
    made.environment = std::move(*all);
  made.retries = take_option<std::uint32_t>(how, "retries").value_or(0);
  made.max_tasks = take_option<std::uint64_t>(how, "max_tasks_per_child").value_or(0);
  made.memory_bytes = take_option<std::uint64_t>(how, "memory_bytes").value_or(0);
  made.niceness = take_option<int>(how, "niceness").value_or(0);
  made.cores = take_option<std::vector<std::uint32_t>>(how, "cores").value_or(std::vector<std::uint32_t>());
  made.directory = take_option<std::string>(how, "directory").value_or("");
  if (const auto limit = seconds_option(how, "start_timeout")) made.start_timeout = *limit;
  made.initializer = take_call(how, "initializer");
  return made;
}

void require_no_more(nb::dict how) {
  for (const auto& [name, value] : how)
    throw nb::type_error(("there is no option '" + nb::cast<std::string>(name) + "' here").c_str());
}

}  // namespace fanout::python
