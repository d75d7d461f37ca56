#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>

/// \file
/// Reads a report that may be an older one, or hold rows from elsewhere: what is missing is empty, not an error.
namespace fanout::detail {

inline std::optional<double> number_in(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  if (!value || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

inline std::string text_in(const boost::json::object& object, std::string_view name) {
  const boost::json::value* const value = object.if_contains(name);
  if (!value || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

inline const boost::json::object& object_in(const boost::json::object& object, std::string_view name) {
  static const boost::json::object none;
  const boost::json::value* const value = object.if_contains(name);
  return value && value->is_object() ? value->get_object() : none;
}

/// The objects of an array.
template <class Function>
void for_each_in(const boost::json::object& object, std::string_view name, Function function) {
  const boost::json::value* const value = object.if_contains(name);
  if (!value || !value->is_array()) return;
  for (const boost::json::value& each : value->get_array())
    if (each.is_object()) function(each.get_object());
}

}  // namespace fanout::detail
