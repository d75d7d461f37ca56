#pragma once

#include <cstddef>

/// System calls and allocations that fail when a test wants them to: what a machine does that is out of something. The
/// test program has these functions instead of the C library's; children that it starts have their own, which do not
/// fail.
namespace fanout::test {

enum class system_call {
  memfd_create,
  ftruncate,
  map_shared,  ///< mmap of a descriptor, shared; in a build with a sanitizer it never fails
  socketpair,
  posix_spawn,
};

/// While this lives, calls of that kind fail. One at a time of each kind.
class failing_call {
 public:
  /// They fail with `error`, an errno, after so many more have succeeded.
  failing_call(system_call which, int error, int succeeding = 0);
  failing_call(const failing_call&) = delete;
  failing_call& operator=(const failing_call&) = delete;
  ~failing_call();

  /// How many have failed.
  int refused() const;

 private:
  system_call which_;
};

/// While this lives, one allocation fails: of those of at least so many bytes, on other threads than the one that made
/// it, the one after so many that succeed. One at a time. In a build with a sanitizer, which has an allocator of its
/// own, none fails.
class failing_allocation {
 public:
  explicit failing_allocation(std::size_t least_bytes, int succeeding = 0);
  failing_allocation(const failing_allocation&) = delete;
  failing_allocation& operator=(const failing_allocation&) = delete;
  ~failing_allocation();

  /// Whether it has.
  bool failed() const;
};

}  // namespace fanout::test
