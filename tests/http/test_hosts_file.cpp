#include "http/dns/hosts_file.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace std::chrono_literals;
using fanout::http::hosts_file;

std::vector<std::string> text(const fanout::http::address_list* found) {
  std::vector<std::string> result;
  if (found)
    for (const auto& each : *found) result.push_back(each.to_string());
  return result;
}

TEST(hosts, are_read_as_the_system_reads_them) {
  fanout_test::temporary_directory directory;
  const std::string path = directory.write("hosts",
                                           "# a comment\n"
                                           "127.0.0.1\tone.test  One-Alias # another\n"
                                           "  10.0.0.2 two.test.\n"
                                           "::1 one.test\n"
                                           "127.0.0.1 one.test\n"
                                           "not-an-address three.test\n"
                                           "10.0.0.4\n");
  hosts_file hosts(path);
  const hosts_file::time now{1000s};
  EXPECT_THAT(text(hosts.find("one.test", now)), testing::ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(text(hosts.find("ONE-ALIAS", now)), testing::ElementsAre("127.0.0.1"));
  EXPECT_THAT(text(hosts.find("two.test", now)), testing::ElementsAre("10.0.0.2"));
  EXPECT_THAT(text(hosts.find("two.test.", now)), testing::ElementsAre("10.0.0.2"));
  EXPECT_EQ(hosts.find("three.test", now), nullptr);
  EXPECT_EQ(hosts.find("another", now), nullptr);
}

TEST(hosts, are_read_again_when_the_file_changed) {
  fanout_test::temporary_directory directory;
  hosts_file hosts(directory.write("hosts", "10.0.0.1 a.test\n"));
  const hosts_file::time now{1000s};
  EXPECT_THAT(text(hosts.find("a.test", now)), testing::ElementsAre("10.0.0.1"));
  directory.write("hosts", "10.0.0.2 a.test b.test\n");
  EXPECT_THAT(text(hosts.find("a.test", now + 999ms)), testing::ElementsAre("10.0.0.1")) << "not looked at yet";
  EXPECT_THAT(text(hosts.find("a.test", now + 1s)), testing::ElementsAre("10.0.0.2"));
  std::filesystem::remove(directory / "hosts");
  EXPECT_EQ(hosts.find("a.test", now + 2s), nullptr);
}

TEST(hosts, that_are_not_there_name_nobody) {
  hosts_file hosts("/nonexistent/hosts");
  EXPECT_EQ(hosts.find("a.test", hosts_file::time{1000s}), nullptr);
}

}  // namespace
