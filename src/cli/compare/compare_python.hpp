#pragma once

#include <fanout/compare/beside_python.hpp>
#include <fanout/compare/compare.hpp>
#include <fanout/core/interrupt.hpp>
#include <fanout/core/shape.hpp>

#include "cli/compare/compare_workloads.hpp"
#include "cli/compare/origin_process.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/object.hpp>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::cli {

struct python_arguments {
  bool wanted = false;
  std::vector<std::string> interpreters;  ///< empty: python3
};

/// Adds --python and --python-bin.
void add_python_options(CLI::App& command, python_arguments& into);

/// The Python rows of a comparison. Interpreters are tried when it is made; it throws `std::runtime_error` that names
/// one that cannot be used.
class python_side {
 public:
  python_side(const python_arguments& with, std::uint32_t rounds, bool timeline, const interrupt& stop);

  /// Runs the counterparts of a workload under `shapes`, with the same counts.
  void measure(const workload& beside, const std::vector<shape>& shapes, const workload_arguments& with,
               const origin_process* origin, const std::function<void(std::string_view)>& on_measure);

  bool ok() const;                               ///< whether every row is
  void complain(const std::string& name) const;  ///< says on stderr what failed of a workload

  /// The JSON of `to_json` with the rows measured, and what they say in its "claims".
  boost::json::object merged(const std::string& report) const;

 private:
  std::vector<detail::python> interpreters_;
  std::map<std::string, std::vector<boost::json::object>> rows_;
  std::uint32_t rounds_;
  bool timeline_;
  const interrupt& stop_;
};

}  // namespace fanout::cli
