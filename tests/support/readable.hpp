#pragma once

#include <poll.h>

namespace fanout::test {

/// Whether a descriptor is readable now, or within that time.
inline bool readable(int descriptor, int milliseconds = 0) {
  pollfd asked{descriptor, POLLIN, 0};
  return poll(&asked, 1, milliseconds) == 1;
}

}  // namespace fanout::test
