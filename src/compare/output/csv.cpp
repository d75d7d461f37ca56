#include <fanout/compare/present.hpp>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <array>

namespace fanout {
namespace {

namespace json = boost::json;

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

template <class Names>
void append_names(std::string& line, std::string_view prefix, const Names& names, std::string_view suffix) {
  for (const char* name : names) line += fmt::format("{}{}{}{}", line.empty() ? "" : ",", prefix, name, suffix);
}

template <class Names>
void append_cells(std::string& line, const json::value& from, const Names& names) {
  for (const char* name : names) line.append(cell(from, name)) += ',';
}

}  // namespace

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
