#pragma once

#include <nanobind/nanobind.h>

#include <string>
#include <string_view>

/// \file
/// Python values as bytes, for the way to a worker and back.
///
/// Exact int (64 bit), float, str, bytes, bool, None, and tuples, lists and dicts of these are written as they are,
/// which takes a tenth of pickle's time. A value with two lists or dicts in it goes through pickle, since they might be
/// the same object, or contain each other; so does everything else. Large buffers are laid behind the pickle, without a
/// copy more (PEP 574). (Rejected: marshal. It writes any object with a buffer as `bytes`.)
///
/// Both need the interpreter's lock, and throw `nb::python_error`.
namespace fanout::python {

namespace nb = nanobind;

/// Appends `value`. What cannot be pickled leaves `bytes` as it was.
void encode(nb::handle value, std::string& bytes);
/// The reverse. The object refers to none of `bytes`. Throws `std::invalid_argument` for what `encode` does not write.
nb::object decode(std::string_view bytes);

/// Whose functions pickle: `fanout._serialize`, imported when it is first needed. The reference is never given back.
nb::handle serializer();

}  // namespace fanout::python
