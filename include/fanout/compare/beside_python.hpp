#pragma once

#include <fanout/core/interrupt.hpp>
#include <fanout/fetch/exchange.hpp>

#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// The same workloads as Python programs, in the four classic forms, to compare with the shapes that are their
/// counterparts. Not for users: the tool is built from it.
namespace fanout::detail {

/// One of Python's four forms, with a count.
struct python_form {
  std::string name;          ///< sync, threads, async or processes
  std::uint32_t places = 1;  ///< threads, tasks in flight or processes
};

/// What a Python program is to do.
struct python_work {
  std::string name;  ///< of the workload; every one that is built in has a counterpart
  std::uint64_t tasks = 5;
  /// The first is the one that speed-ups relate to.
  std::vector<python_form> forms{{"sync", 1}, {"threads", 5}, {"async", 5}, {"processes", 5}};
  std::uint32_t rounds = 1;                 ///< each form runs this often, in turn; the median run counts
  std::vector<fetch::request> requests;     ///< io and urls: one for each task, or one for all
  std::chrono::nanoseconds wait{0};         ///< mixed: how long each task waits
  std::chrono::nanoseconds work{0};         ///< how long each task computes on one core, about; lock: with the lock
  std::chrono::nanoseconds free_work{0};    ///< lock: how long it computes before it has the lock
  std::uint64_t size_bytes = 0;             ///< memory: of a copy
  std::chrono::nanoseconds longest{0};      ///< for one row; then it is killed
  bool timeline = false;                    ///< keep when each task ran
  const fanout::interrupt* stop = nullptr;  ///< as in `compare_options`

  bool fetches() const { return name == "io" || name == "urls"; }
};

/// One interpreter, and its programs in a directory that lives as long as this.
class python {
 public:
  /// `path` is looked up in PATH unless it has a slash. Throws `std::runtime_error` where it is no Python that runs.
  explicit python(const std::string& path);
  python(python&&) noexcept;
  python& operator=(python&&) = delete;
  ~python();

  const std::string& version() const noexcept { return version_; }
  bool has_gil() const noexcept { return gil_; }

  /// One row for each form, as in the JSON of `to_json`: engine "python", speed-up against its own sync row, share of a
  /// bound of its own, as Python computes other things than fanout. A form that fails, or whose tasks come to other
  /// results than those of the forms before, is a row with an error. `on_measure` is told the name of each shape that
  /// runs. Throws as `compare` does when stopped.
  std::vector<boost::json::object> rows(const python_work& work,
                                        const std::function<void(std::string_view)>& on_measure) const;

 private:
  boost::json::object ask(std::string_view form, const boost::json::object& config, const python_work& work) const;
  boost::json::object row(std::string_view form, const std::string& shape, const boost::json::object& config,
                          const python_work& work) const;

  std::string path_;
  std::string directory_;
  std::string version_;
  bool gil_ = true;
};

/// What Python's rows and fanout's say about the claims people repeat: that the interpreter's lock keeps threads from
/// computing together, that it lets them wait together, what a loop and processes can do. One sentence each, with
/// figures; empty without Python's rows. `report` is the JSON of `to_json`, with them.
std::vector<std::string> python_claims(const boost::json::object& report);

/// The speed-up of every row of one workload as a bar, Python's rows under fanout's; at most `width` columns, if that
/// leaves room for a bar. With `colour`, in the colours of a terminal.
std::string render_bars(const boost::json::object& workload, bool colour, std::size_t width = 80);

/// The "claims" of a report as items of a list, under an empty line; at most `width` columns. Empty without any.
std::string render_claims(const boost::json::object& report, std::size_t width = 80);

}  // namespace fanout::detail
