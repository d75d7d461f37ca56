#pragma once

#include <fanout/fetch/settings.hpp>

#include <string>

/// \file
/// Fields of a form as `-F` takes them.
namespace fanout::fetch {

/// "name=value", "name=@file" for a file, "name=<file" for a value that a file holds; after the value `;type=` and
/// `;filename=`, and quotes around what has a `;` or `,` in it. `literal`: as `--form-string`, nothing but the first =
/// has a meaning. Standard input, "-", is read at once. Throws `std::invalid_argument` that quotes the field.
form_field parse_form_field(const std::string& text, bool literal);

}  // namespace fanout::fetch
