#pragma once

#include <cstddef>

/// \file
/// What a non-blocking read or write came to.
namespace fanout::http {

enum class io_state {
  done,        ///< bytes moved
  want_read,   ///< try again once the socket is readable
  want_write,  ///< try again once the socket is writable
  end,         ///< the peer closed, properly
  truncated,   ///< the peer closed below TLS without TLS's own goodbye: what was read may be cut short
  failed,      ///< broken; `error` or the TLS session's failure says how
};

struct io_result {
  io_state state;
  std::size_t bytes = 0;
  int error = 0;  ///< errno, 0 when the failure is TLS's
};

}  // namespace fanout::http
