#include "map_run.hpp"

#include <fanout/base/detail/fork_generation.hpp>
#include <fanout/core/run.hpp>
#include <fanout/process/untyped.hpp>

#include "outcome.hpp"
#include "worker_settings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <stdexcept>

namespace fanout::python {
namespace {

constexpr std::size_t block_bytes = std::size_t{32} << 10;
constexpr std::size_t most_ahead = std::size_t{1} << 16;
constexpr std::chrono::microseconds pulling_time{500};

/// Of a chunk: how many inputs brought an answer, and what came back.
struct chunk_answer {
  std::uint32_t ran = 0;
  std::chrono::nanoseconds took{0};
  std::string rest;
};
chunk_answer read_chunk(const outcome<std::string>& got) {
  chunk_answer found;
  if (!got.ok()) return found;
  const std::string_view bytes = got.value();
  std::int64_t took = 0;
  if (bytes.size() < time_bytes) throw std::invalid_argument("these bytes are no answer of a worker");
  std::memcpy(&took, bytes.data(), time_bytes);
  found.took = std::chrono::nanoseconds(took);
  found.rest = for_each_part(bytes.substr(time_bytes), [&](std::string_view) { return ++found.ran, true; });
  return found;
}

}  // namespace

map_run::map_run(nb::bytes function, nb::object inputs, call_form form, options how, std::uint32_t places,
                 std::uint32_t most_together)
    : function_(function.c_str(), function.size()),
      inputs_(nb::iter(inputs)),
      form_(form),
      how_(std::move(how)),
      shared_(std::make_shared<exchange>(places, most_together)),
      window_(places, 0, most_ahead),
      steady_source_(PyList_CheckExact(inputs.ptr()) || PyTuple_CheckExact(inputs.ptr()) ||
                     PyRange_Check(inputs.ptr())),
      generation_(fanout::detail::fork_generation()) {
  how_.on_error = on_error::collect;
  how_.stop = stop_.get_token();
}

map_run::~map_run() {
  if (fanout::detail::fork_generation() == generation_) {
    close();
  } else if (thread_.joinable()) {
    thread_.detach();  // it is not there in a fork of the process
  }
}

void map_run::require_own_process() const {
  if (fanout::detail::fork_generation() != generation_)
    throw std::runtime_error(
        "this run belongs to the process that started it, and this is a fork of that one: start a run here");
}

void map_run::start() {
  if (thread_.joinable() || over_) return;
  thread_ = std::thread([shared = shared_, how = how_, function = function_] {
    std::exception_ptr failed;
    report cost;
    try {
      cost =
          run(how, untyped_function<false>(worker_function(), function), shared->inputs, [&](outcome<std::string> got) {
            chunk_answer answer = read_chunk(got);
            const chunk_feed::span which =
                shared->inputs.ended(got.index, answer.took, answer.ran, std::move(answer.rest));
            bool first = false;
            {
              const std::lock_guard lock(shared->mutex);
              first = shared->arrived.empty();
              shared->arrived.emplace_back(which, std::move(got));
            }
            if (first) shared->changed.notify();
          });
    } catch (...) {
      failed = std::current_exception();
    }
    {
      const std::lock_guard lock(shared->mutex);
      shared->over = true;
      shared->failed = failed;
      shared->cost = cost;
    }
    shared->changed.notify();
    if (shared->told) shared->told();
  });
}

// An input that cannot be encoded keeps its place: a worker raises what is wrong with it.
void map_run::fill(nb::list* into, bool limited) {
  std::string block;
  std::uint32_t count = 0;
  std::size_t bytes = 0;
  const auto hand_over = [&] {
    bytes += block.size();
    shared_->inputs.give(std::move(block), count);
    block.clear();
    count = 0;
  };
  const auto began = std::chrono::steady_clock::now();
  try {
    while (!ended_ && (!limited || (given_ - taken_ < window_.size() && window::has_room(bytes + block.size())))) {
      PyObject* const item = PyIter_Next(inputs_.ptr());
      if (!item) {
        if (PyErr_Occurred()) throw nb::python_error();
        ended_ = true;
        break;
      }
      const nb::object input = nb::steal(item);
      if (block.empty()) {
        block.reserve(steady_source_ ? block_bytes + 256 : 256);
        block.push_back(chunk_feed::letter);
      }
      append_input(form_, input, block);
      if (into) into->append(nb::none());
      ++count;
      ++given_;
      if (block.size() >= block_bytes) hand_over();
      // Those that were pulled can begin; who knows when the next one comes.
      if (limited && !steady_source_ && std::chrono::steady_clock::now() - began > pulling_time) break;
    }
  } catch (...) {
    if (count > 0) hand_over();
    throw;
  }
  if (count > 0) hand_over();
  if (ended_) shared_->inputs.end();
}

bool map_run::take_arrived(std::vector<std::pair<chunk_feed::span, outcome<std::string>>>& batch) {
  batch.clear();
  const std::lock_guard lock(shared_->mutex);
  batch.swap(shared_->arrived);
  return !batch.empty() || !shared_->over;
}

void map_run::collect(nb::list into) {
  require_own_process();
  std::vector<std::pair<chunk_feed::span, outcome<std::string>>> batch;
  start();
  for (;;) {
    fill(&into, true);
    const std::uint64_t seen = shared_->changed.now();
    if (!take_arrived(batch)) break;
    if (!ended_ && shared_->inputs.empty()) window_.ran_dry(taken_);
    if (batch.empty() && (ended_ || given_ - taken_ >= window_.size())) wait_with_signals(shared_->changed, seen);
    for (const auto& [which, got] : batch) {
      if (!got.ok()) raise_error(make_error(got.error()));
      std::uint64_t index = which.first;
      for_each_answer(got.value(), [&](worker_answer answer) {
        if (answer.raised) raise_error(answer.object);
        if (PyList_SetItem(into.ptr(), static_cast<Py_ssize_t>(index++), answer.object.release().ptr()) != 0)
          throw nb::python_error();
      });
      taken_ += which.count;
    }
  }
  rethrow_failure();
}

void map_run::give_all() {
  require_own_process();
  start();
  fill(nullptr, false);
}

std::optional<nb::list> map_run::take(double limit) {
  require_own_process();
  if (error_.is_valid()) raise_error(error_);
  std::vector<std::pair<chunk_feed::span, outcome<std::string>>> batch;
  const auto began = std::chrono::steady_clock::now();
  for (;;) {
    const std::uint64_t seen = shared_->changed.now();
    const bool more = take_arrived(batch);
    for (auto& [which, got] : batch) waiting_.emplace(which.first, std::move(got));
    nb::list values;
    while (!error_.is_valid() && !waiting_.empty() && waiting_.begin()->first == taken_) {
      const auto got = waiting_.extract(waiting_.begin());
      if (!got.mapped().ok()) {
        error_ = make_error(got.mapped().error());
        break;
      }
      for_each_answer(got.mapped().value(), [&](worker_answer answer) {
        if (answer.raised) {
          error_ = std::move(answer.object);
          return;
        }
        values.append(answer.object);
        ++taken_;
      });
    }
    if (values.size() > 0) return values;
    if (error_.is_valid()) raise_error(error_);
    if (!more) {
      rethrow_failure();
      return values;
    }
    const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - began;
    if (limit >= 0 && waited.count() >= limit) return std::nullopt;
    wait_with_signals(
        shared_->changed, seen,
        limit < 0 ? signal_interval
                  : std::min(signal_interval,
                             std::chrono::milliseconds(static_cast<std::int64_t>((limit - waited.count()) * 1e3) + 1)));
  }
}

void map_run::drop() {
  if (fanout::detail::fork_generation() != generation_) return;  // a lock of it may be held for ever in a fork
  dropped_ = dropped_ || !shared_->inputs.empty();
  shared_->inputs.drop();
  ended_ = true;
}

bool map_run::over() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->over || !thread_.joinable();
}

void map_run::join() {
  over_ = true;
  if (!thread_.joinable()) return;
  {
    const nb::gil_scoped_release without;
    thread_.join();
  }
  cost_ = shared_->cost;
}

void map_run::rethrow_failure() {
  join();
  if (shared_->failed) std::rethrow_exception(shared_->failed);
}

void map_run::close() {
  if (over_) return;
  require_own_process();
  shared_->inputs.drop();
  stop_.request_stop();
  join();
}

int map_run::traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  Py_VISIT(nb::inst_ptr<map_run>(self)->inputs_.ptr());
  return 0;
}
int map_run::clear(PyObject* self) {
  nb::inst_ptr<map_run>(self)->inputs_.reset();
  return 0;
}

namespace {
PyType_Slot map_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&map_run::traverse)},
                           {Py_tp_clear, reinterpret_cast<void*>(&map_run::clear)},
                           {0, nullptr}};

constexpr std::uint32_t most_in_a_chunk = 8192;
}  // namespace

void bind_map_run(nb::module_& module) {
  nb::class_<map_run>(module, "MapRun", nb::type_slots(map_slots))
      .def(
          "__init__",
          [](map_run* self, nb::bytes function, nb::object inputs, const std::string& text, nb::dict given) {
            options how = parse_shape(text);
            how.workers = worker_options_from(given);
            require_no_more(given);
            const auto places = how.shape.processes * how.shape.threads;
            new (self) map_run(function, std::move(inputs), call_form::one, std::move(how), places, most_in_a_chunk);
          },
          nb::arg("function"), nb::arg("inputs"), nb::arg("shape"), nb::arg("how"))
      .def("collect", &map_run::collect, nb::arg("into"))
      .def("take", &map_run::take, nb::arg("limit"))
      .def("drop", &map_run::drop)
      .def("close", &map_run::close)
      .def_prop_ro("over", &map_run::over)
      .def_prop_ro("dropped", &map_run::dropped)
      .def_prop_ro("restarts", [](const map_run& self) { return self.cost() ? self.cost()->restarts : 0U; });
}

}  // namespace fanout::python
