#include "arrow_stream.hpp"

#include "record.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nb = nanobind;

// The three structures are the interface's own: names and layout are given.
extern "C" {
struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};
struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};
struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema*);
  int (*get_next)(ArrowArrayStream*, ArrowArray*);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};
}

namespace fanout::python {
namespace {

constexpr std::int64_t nullable = 2;  // ARROW_FLAG_NULLABLE

/// A column of a batch. Texts and bytes have 64-bit offsets, so a batch may be large.
struct column {
  std::vector<std::uint8_t> valid;  ///< a bit for each value; empty where all are
  std::vector<std::int64_t> offsets;
  std::string bytes;  ///< of all values
  std::array<const void*, 3> buffers{};
  std::int64_t count = 0;
  std::int64_t nulls = 0;

  template <class T>
  void add_number(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    ++count;
  }
  void add_text(std::optional<std::string_view> text) {
    if (offsets.empty()) offsets.push_back(0);
    if (text) bytes += *text;
    offsets.push_back(static_cast<std::int64_t>(bytes.size()));
    mark(text.has_value());
  }

 private:
  void mark(bool is_valid) {
    if (count % 8 == 0) valid.push_back(0);
    if (is_valid)
      valid.back() = static_cast<std::uint8_t>(valid.back() | (1U << (count % 8)));
    else
      ++nulls;
    ++count;
  }
};

struct field {
  const char* name;
  const char* format;
  bool is_text;
  bool may_be_null;
  void (*add)(column& to, const python_record& record);
};

std::optional<std::string_view> present(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

/// Texts of Arrow are UTF-8. What a server or a list says otherwise is replaced.
std::string valid_text(std::string_view text) {
  PyObject* const decoded = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (!decoded) throw nb::python_error();
  const nb::object kept = nb::steal(decoded);
  Py_ssize_t size = 0;
  const char* const bytes = PyUnicode_AsUTF8AndSize(decoded, &size);
  if (!bytes) throw nb::python_error();
  return {bytes, static_cast<std::size_t>(size)};
}
bool is_ascii(std::string_view text) {
  for (const char each : text)
    if ((static_cast<unsigned char>(each) & 0x80U) != 0) return false;
  return true;
}
void add_text(column& to, std::optional<std::string_view> text) {
  if (text && !is_ascii(*text))
    to.add_text(valid_text(*text));
  else
    to.add_text(text);
}

constexpr std::array<field, 12> fields{{
    {"index", "L", false, false, [](column& to, const python_record& record) { to.add_number(record.index); }},
    {"url", "U", true, false, [](column& to, const python_record& record) { add_text(to, record.url); }},
    {"id", "U", true, true, [](column& to, const python_record& record) { add_text(to, present(record.id)); }},
    {"final_url", "U", true, false,
     [](column& to, const python_record& record) {
       add_text(to, record.what.final_url.empty() ? record.url : record.what.final_url.str());
     }},
    {"status", "i", false, false, [](column& to, const python_record& record) { to.add_number(record.what.status); }},
    {"bytes", "L", false, false, [](column& to, const python_record& record) { to.add_number(record.what.bytes); }},
    {"elapsed", "g", false, false,
     [](column& to, const python_record& record) {
       to.add_number(static_cast<double>(record.what.elapsed_ns) * 1e-9);
     }},
    {"attempts", "i", false, false,
     [](column& to, const python_record& record) { to.add_number(record.what.attempts); }},
    {"error_kind", "U", true, true,
     [](column& to, const python_record& record) {
       add_text(to, record.what.error ? std::optional(to_string(*record.what.error)) : std::nullopt);
     }},
    {"error", "U", true, true,
     [](column& to, const python_record& record) {
       add_text(to, record.what.error ? std::optional<std::string_view>(record.what.message) : std::nullopt);
     }},
    {"file", "U", true, true, [](column& to, const python_record& record) { add_text(to, present(record.file)); }},
    {"body", "Z", true, true,
     [](column& to, const python_record& record) {
       to.add_text(record.what.body ? std::optional<std::string_view>(*record.what.body) : std::nullopt);
     }},
}};

// Release functions get what the functions below them made; each frees its own structure's part.

struct schema_parts {
  std::array<ArrowSchema, fields.size()> columns;
  std::array<ArrowSchema*, fields.size()> children;
};
void release_schema_column(ArrowSchema* schema) {
  schema->release = nullptr;
}
void release_schema(ArrowSchema* schema) {
  for (std::int64_t i = 0; i < schema->n_children; ++i)
    if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
  delete static_cast<schema_parts*>(schema->private_data);
  schema->release = nullptr;
}
void make_schema(ArrowSchema* into) {
  auto parts = std::make_unique<schema_parts>();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    parts->columns[i] = {
        fields[i].format, fields[i].name,         nullptr, fields[i].may_be_null ? nullable : 0, 0, nullptr,
        nullptr,          &release_schema_column, nullptr};
    parts->children[i] = &parts->columns[i];
  }
  *into = {"+s",
           "",
           nullptr,
           0,
           static_cast<std::int64_t>(fields.size()),
           parts->children.data(),
           nullptr,
           &release_schema,
           nullptr};
  into->private_data = parts.release();
}

void release_column(ArrowArray* array) {
  delete static_cast<column*>(array->private_data);  // a consumer may have taken it away from its batch
  array->release = nullptr;
}
ArrowArray make_column(std::unique_ptr<column> made, const field& of) {
  const void* const valid = made->nulls > 0 ? made->valid.data() : nullptr;
  const void* const bytes = made->bytes.data();
  made->buffers = {valid, of.is_text ? static_cast<const void*>(made->offsets.data()) : bytes,
                   of.is_text ? bytes : nullptr};
  ArrowArray array{made->count,          made->nulls, 0,       of.is_text ? 3 : 2, 0,
                   made->buffers.data(), nullptr,     nullptr, &release_column,    nullptr};
  array.private_data = made.release();
  return array;
}

struct batch_parts {
  std::array<const void*, 1> buffers{};
  std::array<ArrowArray, fields.size()> columns;
  std::array<ArrowArray*, fields.size()> children;
};
void release_batch(ArrowArray* array) {
  for (std::int64_t i = 0; i < array->n_children; ++i)
    if (array->children[i]->release) array->children[i]->release(array->children[i]);
  delete static_cast<batch_parts*>(array->private_data);
  array->release = nullptr;
}
void make_batch(nb::list records, ArrowArray* into) {
  std::array<std::unique_ptr<column>, fields.size()> columns;
  for (auto& each : columns) each = std::make_unique<column>();
  for (const nb::handle each : records) {
    const auto& record = nb::cast<const python_record&>(each);
    for (std::size_t i = 0; i < fields.size(); ++i) fields[i].add(*columns[i], record);
  }
  auto parts = std::make_unique<batch_parts>();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    parts->columns[i] = make_column(std::move(columns[i]), fields[i]);
    parts->children[i] = &parts->columns[i];
  }
  *into = {static_cast<std::int64_t>(records.size()),
           0,
           0,
           1,
           static_cast<std::int64_t>(fields.size()),
           parts->buffers.data(),
           parts->children.data(),
           nullptr,
           &release_batch,
           nullptr};
  into->private_data = parts.release();
}

/// Where batches come from: an iterator of Python's, of lists of records.
struct source {
  nb::object batches;
  std::string problem;
};
int get_schema(ArrowArrayStream*, ArrowSchema* into) {
  make_schema(into);
  return 0;
}
// A consumer may call this on a thread of its own, without the interpreter's lock.
int get_next(ArrowArrayStream* stream, ArrowArray* into) {
  auto& from = *static_cast<source*>(stream->private_data);
  const nb::gil_scoped_acquire locked;
  std::memset(into, 0, sizeof *into);
  try {
    PyObject* const next = PyIter_Next(from.batches.ptr());
    if (next) {
      make_batch(nb::cast<nb::list>(nb::steal(next)), into);
      return 0;
    }
    if (!PyErr_Occurred()) return 0;  // no release function: the end
    throw nb::python_error();
  } catch (const std::exception& failed) {
    from.problem = failed.what();
  }
  return EIO;
}
const char* get_last_error(ArrowArrayStream* stream) {
  const auto& from = *static_cast<source*>(stream->private_data);
  return from.problem.empty() ? nullptr : from.problem.c_str();
}
void release_stream(ArrowArrayStream* stream) {
  const nb::gil_scoped_acquire locked;
  delete static_cast<source*>(stream->private_data);
  stream->release = nullptr;
}

/// Frees a stream that nobody took.
void destroy_capsule(PyObject* capsule) {
  auto* const stream = static_cast<ArrowArrayStream*>(PyCapsule_GetPointer(capsule, "arrow_array_stream"));
  if (stream->release) stream->release(stream);
  delete stream;
}

nb::object make_stream(nb::object batches) {
  auto stream = std::make_unique<ArrowArrayStream>();
  *stream = {&get_schema, &get_next, &get_last_error, &release_stream, nullptr};
  stream->private_data = new source{nb::iter(batches), {}};
  PyObject* const capsule = PyCapsule_New(stream.get(), "arrow_array_stream", &destroy_capsule);
  if (!capsule) throw nb::python_error();
  stream.release();
  return nb::steal(capsule);
}

}  // namespace

void bind_arrow_stream(nb::module_& module) {
  module.def("arrow_stream", &make_stream, nb::arg("batches"),
             "A capsule of Arrow's C stream interface, of an iterable of lists of records.");
}

}  // namespace fanout::python
