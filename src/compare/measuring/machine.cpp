#include <fanout/compare/detail/machine.hpp>
#include <fanout/core/shape.hpp>

#include <fmt/format.h>

#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

namespace fanout::detail {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace

machine this_machine() {
  machine here;
  here.cores = available_cores();
  here.cpu = cpu_model();
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0)
    here.memory_bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes);
  utsname names{};
  if (::uname(&names) == 0) here.system = fmt::format("{} {} {}", names.sysname, names.release, names.machine);
  return here;
}

}  // namespace fanout::detail
