#pragma once

#include <fanout/core/options.hpp>
#include <fanout/core/outcome.hpp>
#include <fanout/core/report.hpp>
#include <fanout/process/process_pool.hpp>

#include "feed.hpp"
#include "gil.hpp"
#include "outcome.hpp"
#include "window.hpp"

#include <nanobind/nanobind.h>

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

/// \file
/// A run of a Python function in worker processes: `fanout.map` and `as_completed` under `processes:N` and `PxTx1`.
///
/// The run is the engine's, on a thread that never takes the interpreter's lock. The caller's thread pulls inputs,
/// encodes them and reads outcomes, all in batches; the two meet in a `feed` and a list of outcomes.
namespace fanout::python {

/// Thread safety: as a Python iterator, one thread at a time, with the interpreter's lock.
class process_run {
 public:
  /// `function` is what `_serialize.dump_function` made; `workers` as `worker_options_from` reads it.
  process_run(nb::bytes function, nb::object inputs, const std::string& shape, nb::dict how);
  process_run(const process_run&) = delete;
  process_run& operator=(const process_run&) = delete;
  ~process_run();

  /// The next outcome in order of completion; none where all came. Throws what the inputs or a signal handler raised,
  /// and what ended the run.
  std::optional<python_outcome> next();
  /// Stops what is under way, and returns when that has ended. Idempotent.
  void close();

  /// For the collector of cycles: the inputs may refer to the run.
  static int traverse(PyObject* self, visitproc visit, void* arg);
  static int clear(PyObject* self);

  std::size_t held = 0;  ///< outcomes the caller keeps for the order's sake; they count as under way
  const std::optional<report>& cost() const { return cost_; }

 private:
  void start();
  void fill();
  /// Until there are outcomes or the run is over; false then.
  bool refill();
  void join();
  void require_own_process() const;

  // Shared with the engine's threads.
  struct exchange {
    feed<std::string> inputs;
    std::mutex mutex;  ///< guards the rest
    std::vector<outcome<std::string>> arrived;
    bool over = false;
    std::exception_ptr failed;
    report cost;
    change_signal changed;
  };

  const std::string function_;
  nb::object inputs_;
  options how_;
  std::stop_source stop_;
  std::shared_ptr<exchange> shared_ = std::make_shared<exchange>();
  window window_;
  std::uint64_t given_ = 0;
  std::uint64_t taken_ = 0;
  bool ended_ = false;
  bool over_ = false;
  std::vector<outcome<std::string>> batch_;
  std::size_t position_ = 0;
  std::optional<report> cost_;
  const std::uint64_t generation_;
  std::thread thread_;
};

void bind_process_run(nb::module_& module);

}  // namespace fanout::python
