#pragma once

#include <string_view>

/// \file
/// Files of the tree that the library carries.
namespace fanout::detail {

/// The report page, with {{about}}, {{report}} and {{before}} where its data goes; report/src makes it.
std::string_view page_template();

/// The workloads as Python programs: beside.py.
std::string_view python_program();

}  // namespace fanout::detail
