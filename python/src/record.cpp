#include "record.hpp"

#include "outcome.hpp"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cctype>
#include <string_view>

namespace fanout::python {
namespace {

std::string_view body_of(const python_record& record) {
  return record.what.body ? std::string_view(*record.what.body) : std::string_view();
}

nb::object text_of(std::string_view text) {
  PyObject* const made = PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
  if (!made) throw nb::python_error();
  return nb::steal(made);
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view header_of(const python_record& record, std::string_view name) {
  for (const auto& [field, value] : record.what.headers)
    if (same_name(field, name)) return value;
  return {};
}

nb::list headers_of(const python_record& record) {
  nb::list made;
  for (const auto& [name, value] : record.what.headers) made.append(nb::make_tuple(text_of(name), text_of(value)));
  return made;
}

nb::object error_of(const python_record& record) {
  if (!record.what.error) return nb::none();
  failure reason{.kind = *record.what.error, .message = record.what.message.str()};
  reason.elapsed = std::chrono::nanoseconds(record.what.elapsed_ns);
  reason.attempts = record.what.attempts;
  return make_error(reason);
}

/// A view of the body keeps its record.
int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const std::string_view body = body_of(*nb::inst_ptr<python_record>(self));
  return PyBuffer_FillInfo(view, self, const_cast<char*>(body.data()), static_cast<Py_ssize_t>(body.size()), 1, flags);
}
PyType_Slot record_slots[] = {{Py_bf_getbuffer, reinterpret_cast<void*>(&get_buffer)}, {0, nullptr}};

}  // namespace

void bind_record(nb::module_& module) {
  nb::class_<python_record>(module, "Record", nb::type_slots(record_slots))
      .def_ro("index", &python_record::index)
      .def_prop_ro("url", [](const python_record& record) { return text_of(record.url); })
      .def_prop_ro("id", [](const python_record& record) { return text_of(record.id); })
      .def_prop_ro("file", [](const python_record& record) { return text_of(record.file); })
      .def_prop_ro("final_url",
                   [](const python_record& record) {
                     return text_of(record.what.final_url.empty() ? record.url : record.what.final_url.str());
                   })
      .def_prop_ro("status", [](const python_record& record) { return record.what.status; })
      .def_prop_ro("bytes", [](const python_record& record) { return record.what.bytes; })
      .def_prop_ro("attempts", [](const python_record& record) { return record.what.attempts; })
      .def_prop_ro("elapsed",
                   [](const python_record& record) { return static_cast<double>(record.what.elapsed_ns) * 1e-9; })
      .def_prop_ro("ok", [](const python_record& record) { return !record.what.error; })
      .def_prop_ro("error_kind",
                   [](const python_record& record) -> nb::object {
                     if (!record.what.error) return nb::none();
                     return text_of(to_string(*record.what.error));
                   })
      .def_prop_ro("error", &error_of)
      .def_prop_ro("raw_headers", &headers_of)
      .def(
          "header",
          [](const python_record& record, const std::string& name) { return text_of(header_of(record, name)); },
          nb::arg("name"))
      .def_prop_ro("body",
                   [](nb::handle self) {
                     PyObject* const view = PyMemoryView_FromObject(self.ptr());
                     if (!view) throw nb::python_error();
                     return nb::steal(view);
                   })
      .def_prop_ro("content", [](const python_record& record) {
        const std::string_view body = body_of(record);
        return nb::bytes(body.data(), body.size());
      });
}

}  // namespace fanout::python
