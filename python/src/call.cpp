#include "call.hpp"

#include <atomic>

namespace fanout::python {

bool is_coroutine(PyObject* value) {
#ifdef Py_LIMITED_API
  // As in `serializer`, no static initializer: to import gives the interpreter's lock away. The reference stays.
  static std::atomic<PyObject*> found{nullptr};
  if (!found.load()) {
    nanobind::object type = nanobind::module_::import_("types").attr("CoroutineType");
    PyObject* none_yet = nullptr;
    if (found.compare_exchange_strong(none_yet, type.ptr())) type.release();
  }
  return reinterpret_cast<PyObject*>(Py_TYPE(value)) == found.load();
#else
  return PyCoro_CheckExact(value) != 0;
#endif
}

}  // namespace fanout::python
