#include "process/worker_settings.hpp"

#include <fanout/process/codec.hpp>

#include "process/served_function.hpp"

#include <fmt/format.h>

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace fanout {

template <class Archive>
void serialize(Archive& archive, worker_call& call) {
  archive(call.function, call.context, call.argument);
}

namespace detail {
namespace {

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), fmt::format("cannot set {}", what));
}

void limit(int resource, std::uint64_t soft, std::uint64_t hard, const char* what) {
  const rlimit both{soft, hard};
  check(setrlimit(static_cast<__rlimit_resource>(resource), &both), what);
}

void call(const worker_call& what) {
  std::string ignored;
  served_function(what.function, what.context).call(what.argument, ignored);
}

}  // namespace

worker_settings worker_settings::of(const worker_options& how, std::uint32_t worker) {
  worker_settings own;
  own.memory_bytes = how.memory_bytes;
  own.cpu_seconds = how.cpu_time.count();
  own.niceness = how.niceness;
  if (!how.cores.empty()) own.core = static_cast<std::int32_t>(how.cores[worker % how.cores.size()]);
  own.initializer = how.initializer;
  own.finalizer = how.finalizer;
  return own;
}

void worker_settings::encode(std::string& bytes) const {
  wire_output archive(bytes);
  archive(memory_bytes, cpu_seconds, niceness, core, initializer, finalizer);
}

worker_settings worker_settings::decode(std::string_view bytes) {
  worker_settings own;
  wire_input archive(bytes);
  archive(own.memory_bytes, own.cpu_seconds, own.niceness, own.core, own.initializer, own.finalizer);
  return own;
}

void worker_settings::enter() const {
  if (core >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(core), &only);
    check(sched_setaffinity(0, sizeof only, &only), "the core");
  }
  if (niceness != 0) {
    errno = 0;
    if (nice(niceness) == -1 && errno != 0) check(-1, "the niceness");
  }
  if (memory_bytes > 0) limit(RLIMIT_DATA, memory_bytes, memory_bytes, "the memory limit");
  if (cpu_seconds > 0) {  // a second to react to SIGXCPU, then SIGKILL
    const auto seconds = static_cast<std::uint64_t>(cpu_seconds);
    limit(RLIMIT_CPU, seconds, seconds + 1, "the limit of CPU time");
  }
  if (!initializer) return;
  try {
    call(*initializer);
  } catch (const std::exception& thrown) {
    throw std::runtime_error(fmt::format("the initializer failed: {}", thrown.what()));
  }
}

void worker_settings::leave() const noexcept {
  if (!finalizer) return;
  try {
    call(*finalizer);
  } catch (...) {  // NOLINT(bugprone-empty-catch): everything is done, and there is nobody to tell
  }
}

}  // namespace detail
}  // namespace fanout
