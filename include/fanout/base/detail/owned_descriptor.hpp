#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

/// \file
/// Descriptors that close themselves. Not for users.
namespace fanout::detail {

/// Closes a descriptor unless it was released.
class owned_descriptor {
 public:
  owned_descriptor() = default;
  explicit owned_descriptor(int descriptor) : value_(descriptor) {}
  owned_descriptor(owned_descriptor&& other) noexcept : value_(other.release()) {}
  owned_descriptor& operator=(owned_descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }
  ~owned_descriptor() { reset(); }

  int value() const noexcept { return value_; }
  explicit operator bool() const noexcept { return value_ >= 0; }
  int release() noexcept { return std::exchange(value_, -1); }
  void reset() noexcept {
    if (value_ >= 0) close(std::exchange(value_, -1));
  }

 private:
  int value_ = -1;
};

/// A copy of `descriptor` numbered `lowest` or above, so that a `dup2` for a child to a lower number cannot overwrite
/// it before it was copied itself. Throws `std::system_error`.
inline owned_descriptor copied_above(int descriptor, int lowest) {
  const int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
  if (copy < 0) throw std::system_error(errno, std::generic_category(), "cannot start a process");
  return owned_descriptor(copy);
}

}  // namespace fanout::detail
