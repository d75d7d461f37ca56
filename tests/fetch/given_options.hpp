#pragma once

#include <fanout/fetch/http_options.hpp>

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// Options of HTTP as a command line gives them.
namespace fanout_test {

using fanout::fetch::http_option;
using fanout::fetch::http_option_table;
using fanout::fetch::http_options;

inline const http_option& row_of(std::string_view name) {
  for (const http_option& row : http_option_table())
    if (row.long_name() == name) return row;
  throw std::out_of_range("no option " + std::string(name));
}

inline http_options given(std::initializer_list<std::pair<const char*, const char*>> arguments) {
  http_options made;
  for (const auto& [name, text] : arguments) row_of(name).take(made, text);
  return made;
}

template <class Call>
std::string refusal_of(Call call) {
  try {
    call();
  } catch (const std::invalid_argument& refused) {
    return refused.what();
  }
  return "nothing was refused";
}

}  // namespace fanout_test
