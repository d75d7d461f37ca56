#include <fanout/core/detail/usage.hpp>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>
#include <utility>

namespace fanout::detail {

std::chrono::nanoseconds to_duration(const timeval& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

std::chrono::nanoseconds thread_cpu() noexcept {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void cpu_stopwatch::start(time_point now) noexcept {
  if (now - read_at_ <= fresh) return;
  reading_ = thread_cpu();
  read_at_ = now;
}

std::chrono::nanoseconds cpu_stopwatch::stop(time_point started, time_point now) noexcept {
  if (now - started < worth_measuring) return std::chrono::nanoseconds(-1);
  const auto before = std::exchange(reading_, thread_cpu());
  read_at_ = now;
  return reading_ - before;
}

std::uint64_t peak_rss_bytes() noexcept {
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  std::array<char, 4096> text{};
  const auto length = read(file, text.data(), text.size());
  close(file);
  if (length <= 0) return 0;
  const std::string_view status(text.data(), static_cast<std::size_t>(length));
  const auto line = status.find("VmHWM:");
  if (line == status.npos) return 0;
  const auto digits = status.find_first_of("0123456789", line);
  std::uint64_t kibibytes = 0;
  if (digits != status.npos) std::from_chars(status.data() + digits, status.data() + status.size(), kibibytes);
  return kibibytes * 1024;
}

usage_meter::usage_meter() noexcept {
  getrusage(RUSAGE_SELF, &start_);
}

void usage_meter::add_to(report& target) const noexcept {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  target.cpu_user += to_duration(now.ru_utime) - to_duration(start_.ru_utime);
  target.cpu_system += to_duration(now.ru_stime) - to_duration(start_.ru_stime);
  target.voluntary_switches += static_cast<std::uint64_t>(now.ru_nvcsw - start_.ru_nvcsw);
  target.involuntary_switches += static_cast<std::uint64_t>(now.ru_nivcsw - start_.ru_nivcsw);
  target.peak_rss_bytes += peak_rss_bytes();
}

}  // namespace fanout::detail
