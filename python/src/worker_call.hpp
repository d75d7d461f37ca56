#pragma once

#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

/// \file
/// A Python function as a remote function of the engine's: what travels to a worker and back, and who calls it there.
///
/// The context of the function is its pickle, with the names of the modules it was found in. An argument is a letter
/// and a value: `1`, the only argument; `*`, a tuple of all; `c`, a tuple of a tuple and a dict. An answer is a letter
/// and what follows: `V` and the value, or `E` and the pickle of what was raised (fanout/_serialize.py). So what a
/// function raises is a value to the engine, whose failures are deaths of workers, time limits and the like.
///
/// Several inputs may travel as one argument: the letter `m`, and for each input its size in four bytes and its
/// argument as above. Their answer is the nanoseconds they took, in eight bytes, and a size and an answer for each, up
/// to the first that raised; the rest was not run. Where they take longer than it makes sense to send several together,
/// the answer ends with a size of 0 and the inputs that did not run, as an argument.
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

/// Appends an input of several: its size and its argument. One that cannot be encoded becomes one that raises why.
void append_input(call_form form, nb::handle value, std::string& bytes);

struct worker_answer {
  bool raised = false;
  nb::object object;  ///< the value, or the exception with its remote traceback
};
/// Throws `nb::python_error` where the value cannot be unpickled here.
worker_answer read_answer(std::string_view bytes);

inline constexpr std::size_t time_bytes = sizeof(std::int64_t);

/// The parts of such bytes, one by one, up to the end or to a size of 0; returns what is left then. `function` may
/// return false to leave the next parts. Throws `std::invalid_argument` for what is written nowhere here.
template <class Function>
std::string_view for_each_part(std::string_view bytes, Function function) {
  while (!bytes.empty()) {
    std::uint32_t size = 0;
    if (bytes.size() < sizeof size) throw std::invalid_argument("these bytes are parts that end too soon");
    std::memcpy(&size, bytes.data(), sizeof size);
    if (size > bytes.size() - sizeof size) throw std::invalid_argument("these bytes are parts that end too soon");
    if (size == 0) return bytes.substr(sizeof size);
    const std::string_view part = bytes.substr(sizeof size, size);
    bytes.remove_prefix(sizeof size + size);
    if (!function(part)) return bytes;
  }
  return bytes;
}
/// As `read_answer`, with what cannot be unpickled as an answer that raised.
worker_answer read_answer_or_error(std::string_view bytes);
template <class Function>
void for_each_answer(std::string_view bytes, Function function) {
  for_each_part(bytes.substr(std::min(bytes.size(), time_bytes)), [&](std::string_view part) {
    function(read_answer_or_error(part));
    return true;
  });
}

void bind_worker(nb::module_& module);

}  // namespace fanout::python
