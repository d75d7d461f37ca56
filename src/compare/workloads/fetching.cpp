#include "compare/workloads/fetching.hpp"

#include <algorithm>

namespace fanout::detail {

fetch::settings settings_within(std::chrono::milliseconds timeout) {
  fetch::settings how;
  how.timeout_ms = timeout.count();
  how.connect_timeout_ms = std::min(how.connect_timeout_ms, how.timeout_ms);
  return how;
}

std::uint64_t accept_status(const fetch::record& got) {
  if (got.error) throw error(*got.error, got.message);
  return static_cast<std::uint64_t>(got.status);
}

}  // namespace fanout::detail
