#include "support/failing_calls.hpp"

#include "support/sanitized.hpp"
#include "support/worker_deaths.hpp"

#include <dlfcn.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace fanout::test {
namespace {

struct plan {
  std::atomic<int> error{0};  ///< 0: it succeeds
  std::atomic<int> succeeding{0};
  std::atomic<int> refused{0};
};

plan& plan_of(system_call which) {
  static std::array<plan, 5> all;
  return all[static_cast<std::size_t>(which)];
}

/// The error with which a call is to fail; 0 for none.
int error_of(system_call which) {
  plan& own = plan_of(which);
  const int error = own.error.load();
  if (error == 0 || own.succeeding.fetch_sub(1) > 0) return 0;
  ++own.refused;
  return error;
}

bool fails(system_call which) {
  const int error = error_of(which);
  if (error != 0) errno = error;
  return error != 0;
}

std::atomic<std::size_t> least_bytes{0};     // of an allocation that may fail; 0: none does
std::atomic<int> succeeding_allocations{0};  // until one fails, which is the one that finds 0
thread_local bool spared = false;

[[maybe_unused]] bool allocation_fails(std::size_t bytes) {
  const std::size_t least = least_bytes.load();
  return least != 0 && bytes >= least && !spared && succeeding_allocations.fetch_sub(1) == 0;
}

}  // namespace

failing_call::failing_call(system_call which, int error, int succeeding) : which_(which) {
  plan& own = plan_of(which_);
  own.succeeding = succeeding;
  own.refused = 0;
  own.error = error;
}

failing_call::~failing_call() {
  plan_of(which_).error = 0;
}

int failing_call::refused() const {
  return plan_of(which_).refused;
}

failing_allocation::failing_allocation(std::size_t least, int succeeding) {
  spared = true;
  succeeding_allocations = succeeding;
  least_bytes = least;
}

failing_allocation::~failing_allocation() {
  least_bytes = 0;
  spared = false;
}

bool failing_allocation::failed() const {
  return succeeding_allocations < 0;
}

}  // namespace fanout::test

// Instead of the C library's
// -------------------------------------------------------------------------------------------

using fanout::test::fails;
using fanout::test::system_call;

extern "C" {

int memfd_create(const char* name, unsigned flags) noexcept {
  return fails(system_call::memfd_create) ? -1 : static_cast<int>(syscall(SYS_memfd_create, name, flags));
}

int ftruncate(int descriptor, off_t length) noexcept {
  return fails(system_call::ftruncate) ? -1 : static_cast<int>(syscall(SYS_ftruncate, descriptor, length));
}

int socketpair(int domain, int type, int protocol, int* pair) noexcept {
  return fails(system_call::socketpair) ? -1 : static_cast<int>(syscall(SYS_socketpair, domain, type, protocol, pair));
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* files,
                const posix_spawnattr_t* attributes, char* const* arguments, char* const* environment) {
  if (const int error = fanout::test::error_of(system_call::posix_spawn)) return error;
  static const auto real = reinterpret_cast<decltype(&posix_spawn)>(dlsym(RTLD_NEXT, "posix_spawn"));
  fanout::test::before_a_call();
  const int failed = real(pid, path, files, attributes, arguments, environment);
  if (failed == 0) fanout::test::note_started(*pid);
  fanout::test::after_a_call();
  return failed;
}

#if defined(__has_feature)  // Clang
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FANOUT_TEST_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FANOUT_TEST_SANITIZED
#endif
#ifndef FANOUT_TEST_SANITIZED
void* mmap(void* address, std::size_t length, int protection, int flags, int descriptor, off_t offset) noexcept {
  if (descriptor >= 0 && (flags & MAP_SHARED) != 0 && fails(system_call::map_shared)) return MAP_FAILED;
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, length, protection, flags, descriptor, offset));
}
#endif
}

#ifndef FANOUT_TEST_SANITIZED
void* operator new(std::size_t bytes) {
  if (fanout::test::allocation_fails(bytes)) throw std::bad_alloc();
  if (void* const memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
#endif
