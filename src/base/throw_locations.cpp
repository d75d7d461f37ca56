#include "base/throw_locations.hpp"

#include <boost/core/demangle.hpp>

#include <backtrace.h>
#include <dlfcn.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <typeinfo>

/// \file
/// C++ forgets where an exception was thrown as soon as it is caught. This notes it at the throw: the function of the
/// C++ library that throws is replaced, for the whole program, by one that walks the stack first. That is felt (some
/// microseconds a throw), and so it is a library of its own, fanout::throw_locations, which programs link where they
/// want it: in debug builds. What the addresses mean is looked up when a failure is made of the exception, and not
/// before.
namespace fanout::detail {
namespace {

/// The stack of one throw, innermost first.
struct site {
  const void* thrown = nullptr;
  std::array<std::uintptr_t, 16> callers{};
  std::size_t count = 0;
};

/// The last throws of all threads. An exception may be caught by another thread than threw it, and its memory is used
/// again by a later one; so the youngest entry counts.
class last_throws {
 public:
  static last_throws& instance() {
    static last_throws only;
    return only;
  }
  void note(const site& thrown) {
    const std::lock_guard lock(mutex_);
    entries_[next_++ % entries_.size()] = thrown;
  }
  site find(const void* thrown) {
    const std::lock_guard lock(mutex_);
    for (std::size_t back = 1; back <= entries_.size(); ++back)
      if (const site& entry = entries_[(next_ - back) % entries_.size()]; entry.thrown == thrown) return entry;
    return {};
  }

 private:
  std::mutex mutex_;
  std::array<site, 128> entries_;  ///< a power of two, as next_ may wrap
  std::size_t next_ = 0;
};

_Unwind_Reason_Code add_caller(_Unwind_Context* frame, void* into) {
  site& thrown = *static_cast<site*>(into);
  if (thrown.count == thrown.callers.size()) return _URC_END_OF_STACK;
  thrown.callers[thrown.count++] = _Unwind_GetIP(frame);
  return _URC_NO_REASON;
}

/// What libbacktrace says of an address. Of the C++ library's own functions nothing is kept: who called them threw.
struct meaning {
  std::string text;
};

int describe(void* into, std::uintptr_t, const char* file, int line, const char* function) {
  const std::string_view path = file ? file : "";
  if (path.empty() || path.find("/include/c++/") != path.npos || path.ends_with("base/throw_locations.cpp")) return 0;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  static_cast<meaning*>(into)->text = (function ? boost::core::demangle(function) + " at " : std::string()) +
                                      std::string(name) + ":" + std::to_string(line);
  return 1;  // the innermost of what was inlined here
}

void ignore(void*, const char*, int) {}

}  // namespace

std::string throw_location(const void* thrown) {
  static backtrace_state* const state = backtrace_create_state(nullptr, 1, ignore, nullptr);
  const site found = last_throws::instance().find(thrown);
  meaning what;
  for (std::size_t i = 0; i < found.count && what.text.empty() && state; ++i)
    backtrace_pcinfo(state, found.callers[i] - 1, describe, ignore, &what);  // - 1: the call, not what follows it
  return what.text;
}

}  // namespace fanout::detail

// Instead of the C++ library's, which it goes on to.
extern "C" [[noreturn]] void __cxa_throw(void* thrown, std::type_info* type, void (*destroy)(void*)) {
  fanout::detail::site where;
  where.thrown = thrown;
  _Unwind_Backtrace(fanout::detail::add_caller, &where);
  fanout::detail::last_throws::instance().note(where);
  using thrower = void (*)(void*, std::type_info*, void (*)(void*));
  static const auto real = reinterpret_cast<thrower>(dlsym(RTLD_NEXT, "__cxa_throw"));
  real(thrown, type, destroy);
  __builtin_unreachable();
}
