#pragma once

#include <fanout/fetch/record.hpp>

#include <string>
#include <string_view>

/// \file
/// What an object of a list has that is no part of its request.
namespace fanout::fetch {

/// The members of `object`, which is valid JSON, that are no part of a request: as they are written, so that no number
/// loses a digit, each with a comma before it: `,"label":7,"tags":["a"]`. A name that the record has for itself comes
/// with "input_" before it. Members of the same name all stay.
std::string extra_members(std::string_view object);

/// Gives a request what a column of a table says of it, if the name is one of those that requests have: `sha256`, or
/// `mirrors`, separated by blanks.
void set_column(request& of, std::string_view name, std::string_view value);

/// Whether records have a member of that name: a column of a table would be there twice.
bool is_member_of_records(std::string_view name);

}  // namespace fanout::fetch
