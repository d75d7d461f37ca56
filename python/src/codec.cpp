#include "codec.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fanout::python {
namespace {

enum class tag : char {
  none = 'N',
  yes = 'T',
  no = 'F',
  integer = 'i',
  real = 'd',
  text = 's',
  binary = 'b',
  tuple = '(',
  list = '[',
  dict = '{',
  pickle = 'P',  // only whole values: the rest of the bytes is its own
};

constexpr int deepest = 16;

template <class T>
void append_raw(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void append_tag(std::string& bytes, tag what) {
  bytes.push_back(static_cast<char>(what));
}
bool append_sized(std::string& bytes, tag what, const char* data, Py_ssize_t size) {
  if (size > std::numeric_limits<std::uint32_t>::max()) return false;
  append_tag(bytes, what);
  append_raw(bytes, static_cast<std::uint32_t>(size));
  bytes.append(data, static_cast<std::size_t>(size));
  return true;
}

/// Writes what needs no pickle. False, with some bytes written, for anything else.
class plain_writer {
 public:
  explicit plain_writer(std::string& bytes) : bytes_(bytes) {}

  bool write(PyObject* value, int depth) {
    if (value == Py_None) return append_tag(bytes_, tag::none), true;
    if (value == Py_True) return append_tag(bytes_, tag::yes), true;
    if (value == Py_False) return append_tag(bytes_, tag::no), true;
    if (PyLong_CheckExact(value)) return write_integer(value);
    if (PyFloat_CheckExact(value)) {
      append_tag(bytes_, tag::real);
      append_raw(bytes_, PyFloat_AsDouble(value));
      return true;
    }
    if (PyUnicode_CheckExact(value)) return write_text(value);
    if (PyBytes_CheckExact(value)) {
      char* data = nullptr;
      Py_ssize_t size = 0;
      return PyBytes_AsStringAndSize(value, &data, &size) == 0 && append_sized(bytes_, tag::binary, data, size);
    }
    if (depth == deepest) return false;
    if (PyTuple_CheckExact(value)) return write_sequence(value, tag::tuple, PyTuple_Size, PyTuple_GetItem, depth);
    if (PyList_CheckExact(value))
      return first_mutable() && write_sequence(value, tag::list, PyList_Size, PyList_GetItem, depth);
    if (PyDict_CheckExact(value)) return first_mutable() && write_dict(value, depth);
    return false;
  }

 private:
  bool first_mutable() { return ++mutables_ == 1; }

  bool write_integer(PyObject* value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (overflow != 0) return false;
    append_tag(bytes_, tag::integer);
    append_raw(bytes_, static_cast<std::int64_t>(number));
    return true;
  }
  bool write_text(PyObject* value) {
    Py_ssize_t size = 0;
    const char* const data = PyUnicode_AsUTF8AndSize(value, &size);
    if (data) return append_sized(bytes_, tag::text, data, size);
    PyErr_Clear();  // half of a surrogate pair, which UTF-8 does not have
    return false;
  }
  bool write_sequence(PyObject* value, tag what, Py_ssize_t (*size_of)(PyObject*),
                      PyObject* (*item)(PyObject*, Py_ssize_t), int depth) {
    const Py_ssize_t size = size_of(value);
    if (size > std::numeric_limits<std::uint32_t>::max()) return false;
    append_tag(bytes_, what);
    append_raw(bytes_, static_cast<std::uint32_t>(size));
    for (Py_ssize_t i = 0; i < size; ++i)
      if (!write(item(value, i), depth + 1)) return false;
    return true;
  }
  bool write_dict(PyObject* value, int depth) {
    append_tag(bytes_, tag::dict);
    append_raw(bytes_, static_cast<std::uint32_t>(PyDict_Size(value)));
    PyObject* key = nullptr;
    PyObject* item = nullptr;
    Py_ssize_t position = 0;
    while (PyDict_Next(value, &position, &key, &item))
      if (!write(key, depth + 1) || !write(item, depth + 1)) return false;
    return true;
  }

  std::string& bytes_;
  int mutables_ = 0;
};

class plain_reader {
 public:
  explicit plain_reader(std::string_view bytes) : rest_(bytes) {}

  nb::object read(int depth) {
    const auto what = static_cast<tag>(take(1)[0]);
    switch (what) {
      case tag::none:
        return nb::none();
      case tag::yes:
        return nb::bool_(true);
      case tag::no:
        return nb::bool_(false);
      case tag::integer:
        return owned(PyLong_FromLongLong(take_raw<std::int64_t>()));
      case tag::real:
        return owned(PyFloat_FromDouble(take_raw<double>()));
      case tag::text: {
        const std::string_view text = take(take_raw<std::uint32_t>());
        return owned(PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size())));
      }
      case tag::binary: {
        const std::string_view data = take(take_raw<std::uint32_t>());
        return owned(PyBytes_FromStringAndSize(data.data(), static_cast<Py_ssize_t>(data.size())));
      }
      case tag::tuple:
        return read_sequence(PyTuple_New, PyTuple_SetItem, depth);
      case tag::list:
        return read_sequence(PyList_New, PyList_SetItem, depth);
      case tag::dict:
        return read_dict(depth);
      case tag::pickle:
        break;
    }
    throw std::invalid_argument("these bytes are no value that was encoded here");
  }

  bool at_end() const { return rest_.empty(); }

  template <class T>
  T take_raw() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) throw std::invalid_argument("these bytes are a value that ends too soon");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

 private:
  static nb::object owned(PyObject* made) {
    if (!made) throw nb::python_error();
    return nb::steal(made);
  }
  std::uint32_t take_count(int depth) {
    const auto count = take_raw<std::uint32_t>();
    if (depth == deepest || count > rest_.size()) throw std::invalid_argument("these bytes are no value");
    return count;
  }
  nb::object read_sequence(PyObject* (*make)(Py_ssize_t), int (*set)(PyObject*, Py_ssize_t, PyObject*), int depth) {
    const auto count = take_count(depth);
    nb::object made = owned(make(count));
    for (std::uint32_t i = 0; i < count; ++i) set(made.ptr(), i, read(depth + 1).release().ptr());
    return made;
  }
  nb::object read_dict(int depth) {
    const auto count = take_count(depth);
    nb::object made = owned(PyDict_New());
    for (std::uint32_t i = 0; i < count; ++i) {
      const nb::object key = read(depth + 1);
      const nb::object value = read(depth + 1);
      if (PyDict_SetItem(made.ptr(), key.ptr(), value.ptr()) != 0) throw nb::python_error();
    }
    return made;
  }

  std::string_view rest_;
};

/// A buffer of an object, given back in the end.
class buffer_view {
 public:
  explicit buffer_view(nb::handle of) {
    if (PyObject_GetBuffer(of.ptr(), &view_, PyBUF_SIMPLE) != 0) throw nb::python_error();
  }
  buffer_view(const buffer_view&) = delete;
  buffer_view& operator=(const buffer_view&) = delete;
  ~buffer_view() { PyBuffer_Release(&view_); }
  std::string_view bytes() const { return {static_cast<const char*>(view_.buf), static_cast<std::size_t>(view_.len)}; }

 private:
  Py_buffer view_{};
};

// A pickle: how many buffers; for each, whether it is read-only, and its bytes; then the pickle's own bytes.
void write_pickle(nb::handle value, std::string& bytes) {
  const nb::tuple made = nb::cast<nb::tuple>(serializer().attr("dumps")(value));
  const nb::list buffers = nb::cast<nb::list>(made[1]);
  const std::size_t before = bytes.size();
  try {
    std::size_t size = 0;
    std::vector<nb::object> raws;
    for (const nb::handle each : buffers) {
      raws.push_back(each.attr("raw")());
      size += buffer_view(raws.back()).bytes().size();
    }
    if (size > 0) bytes.reserve(before + size + buffer_view(made[0]).bytes().size() + 16 * (raws.size() + 1));
    append_tag(bytes, tag::pickle);
    append_raw(bytes, static_cast<std::uint32_t>(buffers.size()));
    for (std::size_t i = 0; i < raws.size(); ++i) {
      const nb::handle each = buffers[i];
      const nb::object raw = std::move(raws[i]);
      const buffer_view view(raw);
      append_raw(bytes, static_cast<std::uint8_t>(nb::cast<bool>(raw.attr("readonly"))));
      append_raw(bytes, static_cast<std::uint64_t>(view.bytes().size()));
      bytes += view.bytes();
      each.attr("release")();
    }
    bytes += buffer_view(made[0]).bytes();
  } catch (...) {
    bytes.resize(before);
    throw;
  }
}

nb::object read_pickle(std::string_view bytes) {
  plain_reader reader(bytes);
  nb::list buffers;
  for (auto left = reader.take_raw<std::uint32_t>(); left > 0; --left) {
    const bool read_only = reader.take_raw<std::uint8_t>() != 0;
    const std::string_view data = reader.take(reader.take_raw<std::uint64_t>());
    const auto make = read_only ? PyBytes_FromStringAndSize : PyByteArray_FromStringAndSize;
    PyObject* const copy = make(data.data(), static_cast<Py_ssize_t>(data.size()));
    if (!copy) throw nb::python_error();
    buffers.append(nb::steal(copy));
    bytes.remove_prefix(static_cast<std::size_t>(data.data() + data.size() - bytes.data()));
  }
  if (buffers.size() == 0) bytes.remove_prefix(sizeof(std::uint32_t));
  PyObject* const view =
      PyMemoryView_FromMemory(const_cast<char*>(bytes.data()), static_cast<Py_ssize_t>(bytes.size()), PyBUF_READ);
  if (!view) throw nb::python_error();
  return serializer().attr("loads")(nb::steal(view), buffers);
}

}  // namespace

nb::handle serializer() {
  // No static initializer: to import gives the interpreter's lock away, and another thread would wait for the
  // initializer while it holds that lock.
  static std::atomic<PyObject*> found{nullptr};
  if (!found.load()) {
    nb::object imported = nb::module_::import_("fanout._serialize");
    PyObject* none_yet = nullptr;
    if (found.compare_exchange_strong(none_yet, imported.ptr())) imported.release();
  }
  return found.load();
}

void encode(nb::handle value, std::string& bytes) {
  const std::size_t before = bytes.size();
  if (plain_writer(bytes).write(value.ptr(), 0)) return;
  bytes.resize(before);
  write_pickle(value, bytes);
}

nb::object decode(std::string_view bytes) {
  if (!bytes.empty() && bytes.front() == static_cast<char>(tag::pickle)) return read_pickle(bytes.substr(1));
  plain_reader reader(bytes);
  nb::object value = reader.read(0);
  if (!reader.at_end()) throw std::invalid_argument("these bytes are more than one value");
  return value;
}

}  // namespace fanout::python
