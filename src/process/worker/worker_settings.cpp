#include "process/worker/worker_settings.hpp"

#include <fanout/process/codec.hpp>

#include "process/worker/served_function.hpp"

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

constexpr std::uint64_t least_memory = 1 << 20;
constexpr std::int32_t most_niceness = 39;  ///< from the one end, -20, to the other

void check(int result, const char* what) {
  if (result != 0) throw std::system_error(errno, std::generic_category(), fmt::format("cannot set {}", what));
}

void limit(int resource, std::uint64_t soft, std::uint64_t hard, const char* what) {
  const rlimit both{soft, hard};
  check(setrlimit(static_cast<__rlimit_resource>(resource), &both), what);
}

/// Makes the call; returns what it threw, as text, or nothing.
std::string error_of(const worker_call& what) {
  try {
    std::string ignored;
    served_function(what.function, what.context).call(0, what.argument, ignored);
    return {};
  } catch (...) {
    const failure thrown = current_failure();
    return thrown.message.empty() ? thrown.type : thrown.message;
  }
}

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(why);
}

bool has_nul(std::string_view text) {
  return text.find('\0') != text.npos;
}

void validate_environment(const worker_options& how) {
  for (const auto& [name, value] : how.environment) {
    if (name.empty() || name.find('=') != name.npos || has_nul(name))
      refuse(fmt::format("'{}' is no name of an environment variable: it must not be empty nor have '=' in it", name));
    if (value && has_nul(*value)) refuse(fmt::format("the environment variable {} cannot have a NUL in it", name));
  }
}

}  // namespace

void worker_settings::validate(const worker_options& how) {
  if (how.memory_bytes > 0 && how.memory_bytes < least_memory)
    refuse(
        fmt::format("{} bytes of memory are less than a worker process needs: accepted are 1 MiB and more, or 0 for "
                    "any number",
                    how.memory_bytes));
  if (how.cpu_time.count() < 0)
    refuse(fmt::format("a worker process cannot have {} s of CPU time: accepted are 1 s and more, or 0 for any time",
                       how.cpu_time.count()));
  if (how.niceness < -most_niceness || how.niceness > most_niceness)
    refuse(fmt::format("a niceness of {} cannot be added: accepted are {} to {}", how.niceness, -most_niceness,
                       most_niceness));
  for (const std::uint32_t core : how.cores)
    if (const long there = sysconf(_SC_NPROCESSORS_CONF); core >= there || core >= CPU_SETSIZE)
      refuse(fmt::format("core {} is none of the {} of this machine, which are numbered from 0", core, there));
  validate_environment(how);
  if (!how.command.empty() && how.command.front().empty()) refuse("the command of a worker names no program");
  for (const std::string& word : how.command)
    if (has_nul(word)) refuse("the command of a worker cannot have a NUL in it");
  if (has_nul(how.directory)) refuse("a directory cannot have a NUL in its name");
}

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

void worker_settings::write_setup(std::string& bytes, const setup_frame& setup) const {
  frame_writer frame(bytes, frame_type::setup);
  append_raw(bytes, hello_frame{});
  append_raw(bytes, setup);
  encode(bytes);
  frame.close();
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
  if (const std::string why = error_of(*initializer); !why.empty())
    throw std::runtime_error(fmt::format("the initializer failed: {}", why));
}

std::string worker_settings::leave() const {
  const std::string why = finalizer ? error_of(*finalizer) : "";
  return why.empty() ? "" : fmt::format("the finalizer failed: {}", why);
}

}  // namespace detail
}  // namespace fanout
