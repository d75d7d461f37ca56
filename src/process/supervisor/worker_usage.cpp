#include "process/supervisor/worker_usage.hpp"

#include <fmt/format.h>

#include <time.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace fanout::detail {

process_usage usage_of(pid_t child) {
  process_usage used;
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(child, &clock) == 0 && clock_gettime(clock, &time) == 0)
    used.cpu = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  std::ifstream status(fmt::format("/proc/{}/status", child));
  std::string word;
  while (status >> word)
    if (word == "VmHWM:") {
      std::uint64_t kibibytes = 0;
      status >> kibibytes;
      used.peak_rss_bytes = kibibytes * 1024;
      break;
    }
  return used;
}

}  // namespace fanout::detail
