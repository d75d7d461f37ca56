#include "worker_call.hpp"

#include <fanout/base/failure.hpp>
#include <fanout/process/detail/registry.hpp>
#include <fanout/process/init.hpp>

#include "call.hpp"
#include "codec.hpp"
#include "gil.hpp"

#include <malloc.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>

namespace fanout::python {
namespace {

constexpr char value_follows = 'V';
constexpr char error_follows = 'E';
constexpr char refused = 'X';         // an argument that raises what follows
constexpr char several_follow = 'm';  // arguments, each with its size in front
constexpr std::chrono::milliseconds longest_together{5};

/// Writes the size of what `append` appends in front of it.
template <class Append>
void append_part(std::string& bytes, Append append) {
  const std::size_t at = bytes.size();
  bytes.append(sizeof(std::uint32_t), '\0');
  append();
  const std::size_t size = bytes.size() - at - sizeof(std::uint32_t);
  if (size > std::numeric_limits<std::uint32_t>::max()) throw std::length_error("a value of more than 4 GiB");
  const auto written = static_cast<std::uint32_t>(size);
  std::memcpy(bytes.data() + at, &written, sizeof written);
}

/// The exception that is being handled, pickled, with its traceback.
void append_error(nb::python_error& raised, std::string& result) {
  const nb::object bytes = serializer().attr("dump_exception")(raised.value());
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(bytes.ptr(), &data, &size) != 0) throw nb::python_error();
  result += error_follows;
  result.append(data, static_cast<std::size_t>(size));
}

/// One function in a worker. Made by the first task that needs it; all lanes share it.
class python_call final : public fanout::detail::remote_instance {
 public:
  enum class errors { answered, thrown };

  python_call(std::string_view context, errors how) : context_(context), errors_(how) {}
  ~python_call() override {
    if (!function_.is_valid()) return;
    if (Py_IsInitialized() == 0) {
      function_.release();
      return;
    }
    const held_gil locked;
    function_.reset();
  }

  bool coroutine() const noexcept override { return false; }
  bool per_lane() const noexcept override { return false; }
  task<void> call_async(std::string_view, std::string&) override { co_return; }

  void call(std::string_view argument, std::string& result) override {
    const held_gil locked;
    if (argument.front() != several_follow) {
      answer(argument, result);
      return;
    }
    using clock = std::chrono::steady_clock;
    const auto began = clock::now();
    const std::size_t time_at = result.size();
    result.append(time_bytes, '\0');
    bool raised = false;
    bool late = false;
    std::uint32_t count = 0;
    const std::string_view rest = for_each_part(argument.substr(1), [&](std::string_view each) {
      append_part(result, [&] { raised = !answer(each, result); });
      // To read the clock takes as long as a short function.
      ++count;
      late = (count < 8 || count % 16 == 0) && clock::now() - began > longest_together;
      return !raised && !late;
    });
    const std::int64_t took = std::chrono::nanoseconds(clock::now() - began).count();
    std::memcpy(result.data() + time_at, &took, sizeof took);
    if (raised || rest.empty()) return;
    result.append(sizeof(std::uint32_t), '\0');
    result += several_follow;
    result += rest;
  }

 private:
  /// False where it raised.
  bool answer(std::string_view argument, std::string& result) {
    const std::size_t before = result.size();
    try {
      call_locked(argument, result);
      return argument.front() != refused;
    } catch (nb::python_error& raised) {
      result.resize(before);
      if (errors_ == errors::thrown) throw_failure(raised);
      append_error(raised, result);
      return false;
    }
  }

  [[noreturn]] static void throw_failure(nb::python_error& raised) {
    const nb::object error = nb::borrow(raised.value());
    failure reason{.kind = failure_kind::task_failed, .message = nb::str(error).c_str()};
    reason.type = nb::cast<std::string>(nb::handle(Py_TYPE(error.ptr())).attr("__name__"));
    reason.message = reason.type + ": " + reason.message;
    throw fanout::error(std::move(reason));
  }

  void call_locked(std::string_view argument, std::string& result) {
    if (argument.front() == refused) {
      result += error_follows;
      result += argument.substr(1);
      return;
    }
    if (!function_.is_valid())
      function_ = serializer().attr("load_function")(nb::bytes(context_.data(), context_.size()));
    nb::object value = apply(static_cast<call_form>(argument.front()), decode(argument.substr(1)));
    if (is_coroutine(value.ptr())) value = nb::module_::import_("fanout._worker").attr("run_coroutine")(value);
    result += value_follows;
    encode(value, result);
  }
  nb::object apply(call_form form, const nb::object& given) const {
    PyObject* made = nullptr;
    if (form == call_form::one) {
      made = call_with(function_.ptr(), given.ptr());
    } else if (form == call_form::star) {
      made = PyObject_Call(function_.ptr(), given.ptr(), nullptr);
    } else {
      const nb::object arguments = given[0];
      const nb::object keywords = given[1];
      made = PyObject_Call(function_.ptr(), arguments.ptr(), keywords.ptr());
    }
    if (!made) throw nb::python_error();
    return nb::steal(made);
  }

  const std::string context_;
  const errors errors_;
  nb::object function_;
};

template <python_call::errors How>
std::unique_ptr<fanout::detail::remote_instance> make_call(std::string_view context) {
  return std::make_unique<python_call>(context, How);
}

const fanout::detail::remote_entry entry("fanout::python::call", &make_call<python_call::errors::answered>);
const fanout::detail::remote_entry setup_entry("fanout::python::set_up", &make_call<python_call::errors::thrown>);

}  // namespace

std::string worker_function() {
  return std::string(entry.name());
}

std::string setup_function() {
  return std::string(setup_entry.name());
}

std::string encode_argument(call_form form, nb::handle value) {
  std::string bytes(1, static_cast<char>(form));
  encode(value, bytes);
  return bytes;
}

std::string encode_refusal(nb::handle error) {
  std::string bytes(1, refused);
  const nb::object pickled = serializer().attr("dump_exception")(error);
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(pickled.ptr(), &data, &size) != 0) throw nb::python_error();
  bytes.append(data, static_cast<std::size_t>(size));
  return bytes;
}

void append_input(call_form form, nb::handle value, std::string& bytes) {
  const std::size_t before = bytes.size();
  try {
    append_part(bytes, [&] {
      bytes.push_back(static_cast<char>(form));
      encode(value, bytes);
    });
  } catch (nb::python_error& unfit) {
    bytes.resize(before);
    append_part(bytes, [&] { bytes += encode_refusal(unfit.value()); });
  }
}

worker_answer read_answer_or_error(std::string_view bytes) {
  try {
    return read_answer(bytes);
  } catch (nb::python_error& unreadable) {
    return {true, nb::borrow(unreadable.value())};
  }
}

worker_answer read_answer(std::string_view bytes) {
  const std::string_view rest = bytes.substr(1);
  if (bytes.front() == value_follows) return {false, decode(rest)};
  return {true, serializer().attr("load_exception")(nb::bytes(rest.data(), rest.size()))};
}

void bind_worker(nb::module_& module) {
  module.def(
      "serve_worker",
      [](const std::string& argument) {
        // Most of what a large argument or result costs are page faults: memory of one is kept for the next. (Measured:
        // 1.1 GB/s become 2.6.)
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
        const nb::gil_scoped_release without;
        return serve_worker(argument);
      },
      nb::arg("argument"), "Runs tasks of the parent until there are no more, and returns the exit status.");
}

}  // namespace fanout::python
