#include "cli/compare/compare_workloads.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace fanout::cli {
namespace {

using namespace std::chrono_literals;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

workload_arguments settled_of(const std::string& line) {
  CLI::App app;
  workload_arguments given;
  add_workload_options(app, given);
  app.parse(line, false);
  settle_workloads(app, given);
  return given;
}

std::string refused_by_workloads(const std::string& line) {
  try {
    settled_of(line);
  } catch (const CLI::ValidationError& refused) {
    return refused.what();
  }
  return "it was accepted";
}

TEST(compare_workloads, are_io_and_cpu_or_the_list) {
  EXPECT_THAT(settled_of("").names, ElementsAre("io", "cpu"));
  EXPECT_THAT(settled_of("-i urls.txt").names, ElementsAre("urls"));
  EXPECT_THAT(settled_of("lock mixed").names, ElementsAre("lock", "mixed"));
  EXPECT_TRUE(settled_of("io").needs_origin());
  EXPECT_FALSE(settled_of("io --url http://here/").needs_origin());
  EXPECT_EQ(settled_of("cpu --tasks 7").tasks_of("cpu"), 7U);
  EXPECT_EQ(settled_of("io").tasks_of("io"), 5U);
}

TEST(compare_workloads, a_first_word_that_is_none_is_a_program) {
  const auto given = settled_of("sh -- -c true");
  EXPECT_THAT(given.names, ElementsAre("command"));
  EXPECT_THAT(given.command, ElementsAre("sh", "-c", "true"));
  EXPECT_THAT(refused_by_workloads("no-such-program"), HasSubstr("there is no 'no-such-program'; use io, cpu, "));
  EXPECT_THAT(refused_by_workloads("/"), HasSubstr("there is no '/'"));
  EXPECT_THAT(refused_by_workloads("cpu sh"), AllOf(HasSubstr("there is no 'sh'"), HasSubstr("put a program first")));
}

TEST(compare_workloads, options_of_another_workload_are_refused) {
  EXPECT_THAT(refused_by_workloads("cpu --latency 5ms"), HasSubstr("--latency: use it with the workloads io, mixed"));
  EXPECT_THAT(refused_by_workloads("io --size 1MiB"), HasSubstr("--size: use it with the workload memory"));
  EXPECT_THAT(refused_by_workloads("io -i urls.txt"), HasSubstr("--input: use it with the workloads urls, command"));
  EXPECT_THAT(refused_by_workloads("urls"), HasSubstr("add -i FILE"));
  EXPECT_THAT(refused_by_workloads("io --latency 2h"), HasSubstr("at most 1h"));
  EXPECT_THAT(refused_by_workloads("mixed --latency 0"), HasSubstr("use 1ms or more"));
  EXPECT_THAT(refused_by_workloads("cpu --work 0"), HasSubstr("--work: use 1ms or more"));
}

TEST(compare_workloads, shares_are_written_as_people_write_them) {
  EXPECT_DOUBLE_EQ(settled_of("lock --share 30%").share.value(), 0.3);
  EXPECT_DOUBLE_EQ(settled_of("lock --share 0.3").share.value(), 0.3);
  EXPECT_DOUBLE_EQ(settled_of("lock --share 100%").share.value(), 1);
  for (const char* const wrong : {"0", "101%", "1.1", "x", "30%%", "-1"})
    EXPECT_THAT(refused_by_workloads("lock --share " + std::string(wrong)), HasSubstr("is not a share")) << wrong;
  EXPECT_THAT(refused_by_workloads("mixed --share 100%"), HasSubstr("use less than 100%"));
}

TEST(compare_workloads, more_memory_than_there_is_is_refused) {
  workload_arguments given = settled_of("memory --tasks 100000 --size 4GiB");
  EXPECT_THROW(check_memory(given, {sync(), grid(1, 4096, 1)}), CLI::ValidationError);
  given.tasks = 1;
  given.size_bytes = 1024;
  EXPECT_NO_THROW(check_memory(given, {sync(), grid(1, 4096, 1)})) << "no more lanes than tasks";
}

TEST(compare_workloads, parts_stop_at_the_end_of_their_range) {
  EXPECT_EQ(part(400ms, 0.25), 100ms);
  EXPECT_EQ(part(std::chrono::nanoseconds::max(), 2), std::chrono::nanoseconds::max());
}

TEST(compare_workloads, are_made_as_they_were_asked_for) {
  const interrupt never;
  const temporary_directory directory;
  EXPECT_EQ(make_named("io", settled_of("io --url http://here/ --tasks 3"), nullptr, never).description,
            "3 fetches of http://here/");
  const auto quick = settled_of("lock mixed --work 1ms --latency 1ms --tasks 2");
  EXPECT_EQ(make_named("lock", quick, nullptr, never).tasks, 2U);
  EXPECT_THAT(make_named("mixed", quick, nullptr, never).description, HasSubstr("2 tasks that wait 1 ms"));
  auto program = settled_of("true");
  program.list = directory.write("inputs", "a\n\nb\n");
  EXPECT_EQ(make_named("command", program, nullptr, never).tasks, 2U) << "one for each line that is not empty";
  program.list = directory / "none";
  EXPECT_THROW(make_named("command", program, nullptr, never), std::runtime_error);
}

}  // namespace
}  // namespace fanout::cli
