#include <fanout/compare/present.hpp>

#include "compare/embedded.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <stdexcept>
#include <utility>

namespace fanout {
namespace {

namespace json = boost::json;

constexpr std::string_view element = R"(<script type="application/json" id="report">)";
constexpr std::string_view element_end = "</script>";

/// JSON that may stand in a page: no `<`, so that it cannot end its element, whatever it says.
std::string inert(const json::value& value) {
  const std::string text = json::serialize(value);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text)
    if (c == '<')
      safe += "\\u003c";
    else
      safe += c;
  return safe;
}

const json::array& array_in(const json::value& value, const char* name) {
  const json::object* const object = value.if_object();
  const json::value* const member = object ? object->if_contains(name) : nullptr;
  if (!member || !member->is_array())
    throw std::invalid_argument(std::string("this is no report of fanout compare: it has no ") + name);
  return member->get_array();
}

json::value parse_report(std::string_view text) {
  boost::system::error_code failed;
  json::value report = json::parse(text, failed);
  if (failed)
    throw std::invalid_argument("this is no report of fanout compare, since it is no JSON: " + failed.message());
  for (const json::value& workload : array_in(report, "workloads")) static_cast<void>(array_in(workload, "rows"));
  return report;
}

/// Only figures are laid beside each other; the timelines of the older one would double the page.
json::value without_timelines(json::value report) {
  for (json::value& workload : report.as_object().at("workloads").as_array())
    for (json::value& row : workload.as_object().at("rows").as_array())
      if (row.is_object()) row.get_object().erase("timeline");
  return report;
}

}  // namespace

std::string report_in(std::string_view text) {
  if (text.starts_with("<!doctype html>")) {
    const auto begin = text.find(element);
    const auto end = begin == text.npos ? text.npos : text.find(element_end, begin);
    if (end == text.npos) throw std::invalid_argument("this page is no report of fanout compare");
    text = text.substr(begin + element.size(), end - begin - element.size());
  }
  static_cast<void>(parse_report(text));
  return std::string(text);
}

std::string report_page(std::string_view report, const page_details& with) {
  const json::object about{
      {"command", with.command}, {"made", with.made}, {"version", FANOUT_VERSION}, {"against", with.before_name}};
  const std::string before =
      with.before.empty() ? std::string() : inert(without_timelines(parse_report(report_in(with.before))));
  const std::array<std::pair<std::string_view, std::string>, 3> parts{
      {{"{{about}}", inert(about)}, {"{{report}}", inert(parse_report(report))}, {"{{before}}", before}}};
  std::string_view rest = detail::page_template();
  std::string page;
  for (const auto& [place, text] : parts) {  // in the order they stand in
    const auto at = rest.find(place);
    page.append(rest.substr(0, at)).append(text);
    rest.remove_prefix(at + place.size());
  }
  return page.append(rest);
}

}  // namespace fanout
