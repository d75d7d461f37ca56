#include "pool.hpp"

#include <fanout/process/process_pool.hpp>
#include <fanout/process/to_process.hpp>

#include "codec.hpp"
#include "gil.hpp"
#include "outcome.hpp"
#include "worker_call.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fanout::python {
namespace {

/// Calls that have ended and whose futures were not told yet. The pool's thread puts them there, and waits for nobody.
struct ended_calls {
  std::mutex mutex;  ///< guards numbers
  std::vector<std::uint64_t> numbers;
  change_signal changed;
};

/// Thread safety: all members with the interpreter's lock; those that wait give it back meanwhile.
class python_pool {
 public:
  python_pool(std::uint32_t processes, nb::dict how) : pool_(options_from(processes, how)) {}

  /// Starts a call under a number of the caller's.
  void start(std::uint64_t number, nb::bytes function, nb::bytes argument, nb::object timeout) {
    fanout::detail::process_call call;
    call.function = worker_function_;
    call.context.assign(function.c_str(), function.size());
    call.argument.bytes.assign(argument.c_str(), argument.size());
    if (!timeout.is_none()) {
      nb::dict how;
      how["timeout"] = timeout;
      call.how.timeout = *seconds_option(how, "timeout");
    }
    std::shared_ptr<fanout::detail::pool_call> started;
    {
      const nb::gil_scoped_release without;
      started = fanout::detail::pool_calls::start(pool_, std::move(call));
    }
    fanout::detail::pool_call& made = *started;
    under_way_[number] = std::move(started);
    // Not before it is listed: a call that has ended is told of at once.
    made.when_done([ended = ended_, number] {
      {
        const std::lock_guard lock(ended->mutex);
        ended->numbers.push_back(number);
        if (ended->numbers.size() > 1) return;
      }
      ended->changed.notify();
    });
  }

  /// Outcomes of calls that have ended, by their numbers; waits for the first no longer than a tenth of a second.
  nb::list take_ended() {
    std::vector<std::uint64_t> numbers = ready_numbers();
    nb::list made;
    for (const std::uint64_t number : numbers) {
      const auto found = under_way_.find(number);
      const auto call = std::move(found->second);
      under_way_.erase(found);
      made.append(nb::make_tuple(number, nb::cast(outcome_of(call->ended()))));
    }
    return made;
  }

  void cancel(std::uint64_t number) {
    const auto found = under_way_.find(number);
    if (found == under_way_.end()) return;
    const auto call = found->second;
    const nb::gil_scoped_release without;
    call->cancel();
  }

  void close() {
    const nb::gil_scoped_release without;
    pool_.close();
  }
  void kill() {
    const nb::gil_scoped_release without;
    pool_.kill();
  }
  std::uint32_t restarts() {
    const nb::gil_scoped_release without;
    return pool_.report().restarts;
  }

 private:
  static process_pool_options options_from(std::uint32_t processes, nb::dict how) {
    process_pool_options made;
    made.processes = processes;
    made.task_timeout = seconds_option(how, "timeout").value_or(std::chrono::nanoseconds(0));
    made.workers = worker_options_from(how);
    require_no_more(how);
    return made;
  }
  std::vector<std::uint64_t> ready_numbers() {
    const nb::gil_scoped_release without;
    std::vector<std::uint64_t> numbers;
    const std::uint64_t seen = ended_->changed.now();
    for (int look = 0; look < 2; ++look) {
      {
        const std::lock_guard lock(ended_->mutex);
        numbers.swap(ended_->numbers);
      }
      if (!numbers.empty() || !ended_->changed.wait_for(seen, std::chrono::milliseconds(100))) break;
    }
    return numbers;
  }

  const std::string worker_function_ = worker_function();
  const std::shared_ptr<ended_calls> ended_ = std::make_shared<ended_calls>();
  std::unordered_map<std::uint64_t, std::shared_ptr<fanout::detail::pool_call>> under_way_;
  process_pool pool_;
};

}  // namespace

void bind_pool(nb::module_& module) {
  nb::class_<python_pool>(module, "Pool")
      .def(nb::init<std::uint32_t, nb::dict>(), nb::arg("processes"), nb::arg("how"))
      .def("start", &python_pool::start, nb::arg("number"), nb::arg("function"), nb::arg("argument"),
           nb::arg("timeout").none())
      .def("take_ended", &python_pool::take_ended)
      .def("cancel", &python_pool::cancel, nb::arg("number"))
      .def("close", &python_pool::close)
      .def("kill", &python_pool::kill)
      .def_prop_ro("restarts", &python_pool::restarts);
  module.def(
      "encode_call",
      [](nb::handle arguments, nb::handle keywords) {
        const std::string bytes = encode_argument(call_form::full, nb::make_tuple(arguments, keywords));
        return nb::bytes(bytes.data(), bytes.size());
      },
      nb::arg("arguments"), nb::arg("keywords"));
  module.def(
      "encode_star",
      [](nb::handle arguments) {
        const std::string bytes = encode_argument(call_form::star, arguments);
        return nb::bytes(bytes.data(), bytes.size());
      },
      nb::arg("arguments"));
}

}  // namespace fanout::python
