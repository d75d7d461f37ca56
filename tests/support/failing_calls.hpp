#pragma once

/// System calls that fail when a test wants them to: what a machine does that is out of something. The test program has
/// these functions instead of the C library's; children that it starts have their own, which do not fail.
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

}  // namespace fanout::test
