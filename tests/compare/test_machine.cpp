#include <fanout/compare/detail/machine.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sched.h>

#include <fstream>
#include <iterator>
#include <string>

namespace fanout::detail {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string text_of(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(machine, is_what_the_system_says) {
  const machine here = this_machine();
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_GE(here.cores, 1U);
  EXPECT_LE(here.cores, static_cast<std::uint32_t>(CPU_COUNT(&allowed)));
  std::string release = text_of("/proc/sys/kernel/osrelease");
  release.pop_back();
  EXPECT_THAT(here.system, StartsWith("Linux " + release + " "));
  EXPECT_THAT(text_of("/proc/cpuinfo"), HasSubstr(here.cpu));
  std::string name;
  std::uint64_t kib = 0;
  std::ifstream("/proc/meminfo") >> name >> kib;
  ASSERT_EQ(name, "MemTotal:");
  EXPECT_EQ(here.memory_bytes, kib * 1024);
}

}  // namespace
}  // namespace fanout::detail
