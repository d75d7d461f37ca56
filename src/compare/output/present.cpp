#include <fanout/compare/present.hpp>

#include "compare/text/embedded.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

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

constexpr std::array of_workload{"name", "tasks", "kind", "cpu_share", "noise", "lower_bound_s", "best"};
constexpr std::array of_row{"engine",
                            "shape",
                            "wall_s",
                            "median_s",
                            "spread",
                            "speedup",
                            "of_bound",
                            "cpu_s",
                            "cpu_user_s",
                            "cpu_system_s",
                            "cores_used",
                            "peak_rss_bytes",
                            "voluntary_switches",
                            "involuntary_switches",
                            "processes",
                            "threads",
                            "startup_s",
                            "ipc_bytes",
                            "ipc_s",
                            "failures",
                            "error"};
constexpr std::array of_interpreter{"path", "version", "gil", "library"};
constexpr std::array of_latency{"p50", "p90", "p99", "max"};

std::string quoted(std::string_view text) {
  std::string cell;
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != text.npos) cell += '\'';
  cell += text;
  if (cell.find_first_of(",\"\r\n") == cell.npos) return cell;
  std::string safe = "\"";
  for (const char c : cell) safe.append(c == '"' ? 2 : 1, c);
  return safe += '"';
}

std::string cell(const json::value& from, const char* name) {
  const json::object* const object = from.if_object();
  const json::value* const value = object ? object->if_contains(name) : nullptr;
  if (!value || value->is_null()) return "";
  if (value->is_string()) return quoted({value->get_string().data(), value->get_string().size()});
  if (value->is_double()) return fmt::format("{}", value->get_double());
  return json::serialize(*value);
}

const json::value& member(const json::value& of, const char* name) {
  static const json::value none;
  const json::object* const object = of.if_object();
  const json::value* const found = object ? object->if_contains(name) : nullptr;
  return found ? *found : none;
}

/// The page with these in their places.
std::string filled_page(const json::object& about, const json::value& report, const std::string& before) {
  const std::array<std::pair<std::string_view, std::string>, 3> parts{
      {{"{{about}}", inert(about)}, {"{{report}}", inert(report)}, {"{{before}}", before}}};
  std::string_view rest = detail::page_template();
  std::string page;
  for (const auto& [place, text] : parts) {  // in the order they stand in
    const auto at = rest.find(place);
    page.append(rest.substr(0, at)).append(text);
    rest.remove_prefix(at + place.size());
  }
  return page.append(rest);
}

template <class Names>
void append_names(std::string& line, std::string_view prefix, const Names& names, std::string_view suffix) {
  for (const char* name : names) line += fmt::format("{}{}{}{}", line.empty() ? "" : ",", prefix, name, suffix);
}

template <class Names>
void append_cells(std::string& line, const json::value& from, const Names& names) {
  for (const char* name : names) line.append(cell(from, name)) += ',';
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
  return filled_page(about, parse_report(report), before);
}

std::string job_page(std::string_view job, const page_details& with) {
  boost::system::error_code failed;
  const json::value value = json::parse(job, failed);
  if (failed || !member(value, "job").is_object()) throw std::invalid_argument("this is no report of a job");
  return filled_page({{"command", with.command}, {"made", with.made}, {"version", FANOUT_VERSION}}, value, {});
}

std::string to_csv(std::string_view report) {
  std::string text;
  append_names(text, "workload_", of_workload, "");
  append_names(text, "", of_row, "");
  append_names(text, "interpreter_", of_interpreter, "");
  append_names(text, "latency_", of_latency, "_s");
  text += "\r\n";
  const json::value all = json::parse(report_in(report));
  for (const json::value& workload : all.at("workloads").as_array())
    for (const json::value& row : workload.at("rows").as_array()) {
      std::string line;
      append_cells(line, workload, of_workload);
      append_cells(line, row, of_row);
      append_cells(line, member(row, "interpreter"), of_interpreter);
      append_cells(line, member(row, "latency_s"), of_latency);
      line.pop_back();
      text += line + "\r\n";
    }
  return text;
}

}  // namespace fanout
