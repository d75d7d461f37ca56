#include <fanout/fetch/descriptor_limit.hpp>

#include <fmt/format.h>

#include <sys/resource.h>

#include <algorithm>
#include <stdexcept>

namespace fanout::fetch {

std::uint64_t descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
  return limit.rlim_cur;
}

shape fitted(const shape& asked, std::uint64_t limit) {
  constexpr std::uint64_t for_the_process = 64;
  constexpr std::uint64_t for_a_lane = 8;
  if (asked.tasks == 0 || limit == UINT64_MAX) return asked;
  const std::uint64_t room = limit - std::min<std::uint64_t>(for_the_process, limit / 2);
  const std::uint64_t lanes = asked.threads;
  if (lanes * for_a_lane + asked.tasks / asked.processes <= room) return asked;

  std::uint64_t fewer = 0;
  if (asked.model == model::threads)
    fewer = room / (for_a_lane + 1);
  else if (room > lanes * for_a_lane)
    fewer = (room - lanes * for_a_lane) / lanes * lanes * asked.processes;
  if (fewer == 0)
    throw std::invalid_argument(
        fmt::format("{} does not fit the limit of {} open files; raise it (ulimit -n)", to_string(asked), limit));
  return with_tasks(asked, static_cast<std::uint32_t>(fewer));
}

}  // namespace fanout::fetch
