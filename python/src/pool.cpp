#include "pool.hpp"

#include <fanout/process/process_pool.hpp>
#include <fanout/process/to_process.hpp>

#include "codec.hpp"
#include "gil.hpp"
#include "map_run.hpp"
#include "outcome.hpp"
#include "worker_call.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
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

/// An encoded argument, on its way: given to a call once.
struct encoded_argument {
  std::string bytes;
};

/// What the caller waits for with the interpreter's lock given back. Shared, as the call may end after its caller has
/// been interrupted.
struct end_of_call {
  change_signal changed;
};

/// Thread safety: all members with the interpreter's lock; those that wait give it back meanwhile. To start a call
/// takes the pool's mutex with the lock held, as none of the pool's threads ever asks for the lock; to give the lock
/// back for each call would hand it to another thread each time.
class python_pool {
 public:
  python_pool(std::uint32_t processes, nb::dict how)
      : chunks_(!is_given(how, "timeout") && !is_given(how, "retries") && !is_given(how, "max_tasks_per_child")),
        processes_(processes),
        pool_(options_from(processes, how)) {}

  /// Starts a call under a number of the caller's.
  void start(std::uint64_t number, nb::bytes function, encoded_argument& argument, nb::object timeout) {
    std::shared_ptr<fanout::detail::pool_call> started =
        fanout::detail::pool_calls::start(pool_, call_of(function, argument, timeout));
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

  /// A call there and back; for a short one to an idle worker no other thread is woken. Returns what the function
  /// returned and raises what it raised, or what a signal handler raised; the call ends by itself then.
  nb::object call(nb::bytes function, encoded_argument& argument, nb::object timeout) {
    fanout::detail::begun_call begun;
    fanout::detail::process_call made = call_of(function, argument, timeout);
    {
      const nb::gil_scoped_release without;
      begun = fanout::detail::pool_calls::begin(pool_, std::move(made));
    }
    if (begun.failed) raise_error(make_error(*begun.failed));
    if (!begun.under_way) return value_of(begun.result);
    const auto end = std::make_shared<end_of_call>();
    begun.under_way->when_done([end] { end->changed.notify(); });
    for (;;) {
      const std::uint64_t seen = end->changed.now();
      if (begun.under_way->done()) break;
      wait_with_signals(end->changed, seen);
    }
    const outcome<std::string>& got = begun.under_way->ended();
    if (!got.ok()) raise_error(make_error(got.error()));
    return value_of(got.value());
  }

  /// A run on the workers of this pool.
  map_run* map(nb::bytes function, nb::object inputs, bool star) {
    auto made = std::make_unique<map_run>(function, std::move(inputs), star ? call_form::star : call_form::one,
                                          pool_.with(), processes_, chunks_ ? most_in_a_chunk : 1);
    made->when_over([ended = ended_] { ended->changed.notify(); });
    made->give_all();
    return made.release();
  }

  /// Outcomes of calls that have ended, by their numbers; waits for the first, or `wake`, or the end of a run of
  /// `map`, no longer than a tenth of a second.
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

  /// Has `take_ended` return, if there is nothing.
  void wake() { ended_->changed.notify(); }
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
  static bool is_given(nb::dict how, const char* name) {
    return how.contains(name) && PyObject_IsTrue(nb::object(how[name]).ptr()) == 1;
  }
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
    // To be woken for each call costs more than the call; where several ended, more are about to.
    if (last_batch_ >= several_calls) std::this_thread::sleep_for(gathering_time);
    for (int look = 0; look < 2; ++look) {
      const std::uint64_t now = ended_->changed.now();
      {
        const std::lock_guard lock(ended_->mutex);
        numbers.swap(ended_->numbers);
      }
      if (!numbers.empty() || now != seen_ || look == 1) {
        seen_ = now;
        break;
      }
      ended_->changed.wait_for(seen_, std::chrono::milliseconds(100));
    }
    last_batch_ = numbers.size();
    return numbers;
  }

  fanout::detail::process_call call_of(nb::bytes function, encoded_argument& argument, nb::object timeout) const {
    fanout::detail::process_call call;
    call.function = worker_function_;
    call.context.assign(function.c_str(), function.size());
    call.argument.bytes = std::move(argument.bytes);
    if (!timeout.is_none()) {
      nb::dict how;
      how["timeout"] = timeout;
      call.how.timeout = *seconds_option(how, "timeout");
    }
    return call;
  }
  static nb::object value_of(std::string_view bytes) {
    worker_answer answer = read_answer(bytes);
    if (answer.raised) raise_error(answer.object);
    return std::move(answer.object);
  }

  static constexpr std::size_t several_calls = 8;
  static constexpr std::chrono::microseconds gathering_time{150};
  static constexpr std::uint32_t most_in_a_chunk = 8192;

  std::size_t last_batch_ = 0;  ///< with the thread that takes what has ended, as the next
  std::uint64_t seen_ = 0;      ///< of `ended_->changed`
  const bool chunks_;           ///< several inputs of `map` may travel together
  const std::uint32_t processes_;
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
      .def("call", &python_pool::call, nb::arg("function"), nb::arg("argument"), nb::arg("timeout").none())
      .def("map", &python_pool::map, nb::arg("function"), nb::arg("inputs"), nb::arg("star"), nb::keep_alive<0, 1>(),
           nb::rv_policy::take_ownership)
      .def("take_ended", &python_pool::take_ended)
      .def("wake", &python_pool::wake)
      .def("cancel", &python_pool::cancel, nb::arg("number"))
      .def("close", &python_pool::close)
      .def("kill", &python_pool::kill)
      .def_prop_ro("restarts", &python_pool::restarts);
  nb::class_<encoded_argument>(module, "EncodedArgument");
  module.def(
      "encode_call",
      [](nb::handle arguments, nb::handle keywords) {
        // Most calls have no keywords.
        if (PyDict_Size(keywords.ptr()) == 0) return encoded_argument{encode_argument(call_form::star, arguments)};
        return encoded_argument{encode_argument(call_form::full, nb::make_tuple(arguments, keywords))};
      },
      nb::arg("arguments"), nb::arg("keywords"));
}

}  // namespace fanout::python
