#include "cli/compare/compare_python.hpp"
#include "support/temporary_directory.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace fanout::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A program in place of an interpreter, which keeps what each form is given and says what it is told to say.
class interpreter {
 public:
  explicit interpreter(const std::string& answer)
      : path_(directory_.write("python",
                               "#!/bin/sh\ncase $2 in about) echo '{\"version\":\"3.99\",\"gil\":true}';; calibrate) "
                               "echo '{}';; *) cat > \"$0.$2\"; " +
                                   answer + ";; esac\n")) {
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all);
  }
  const std::string& path() const { return path_; }
  boost::json::object given_to(const std::string& form) const {
    return boost::json::parse(fanout_test::read_file(path_ + "." + form)).as_object();
  }

 private:
  fanout_test::temporary_directory directory_;
  std::string path_;
};

workload named(const char* name) {
  workload made;
  made.name = name;
  made.tasks = 3;
  return made;
}

TEST(compare_python, has_the_shapes_that_python_has_with_the_same_counts) {
  const interpreter stub("echo '{\"wall_s\":1,\"result\":5}'");
  const interrupt never;
  python_side side({.wanted = true, .interpreters = {stub.path()}}, 1, false, never);
  workload_arguments with;
  with.latency = 30ms;
  with.share = 0.25;
  std::vector<std::string> measured;
  side.measure(named("mixed"), {sync(), threads(2), async(3), hybrid(4), processes(2), automatic()}, with, nullptr,
               [&](std::string_view what) { measured.emplace_back(what); });
  EXPECT_THAT(measured, ElementsAre("Python 3.99 sync", "Python 3.99 threads:2", "Python 3.99 async:3",
                                    "Python 3.99 processes:2"));
  EXPECT_TRUE(side.ok());
  const auto given = stub.given_to("async");
  EXPECT_EQ(given.at("places").to_number<int>(), 3);
  EXPECT_DOUBLE_EQ(given.at("wait_s").to_number<double>(), 0.03);
  EXPECT_DOUBLE_EQ(given.at("work_s").to_number<double>(), 0.01);
  const auto merged = side.merged(R"({"workloads":[{"name":"cpu","rows":[]},{"name":"mixed","rows":[{"a":1}]}]})");
  EXPECT_EQ(merged.at("workloads").at(0).at("rows").as_array().size(), 0U);
  EXPECT_EQ(merged.at("workloads").at(1).at("rows").as_array().size(), 5U);
}

TEST(compare_python, splits_the_work_of_a_lock_as_its_share_says) {
  const interpreter stub("echo '{\"wall_s\":1,\"result\":5}'");
  const interrupt never;
  python_side side({.wanted = true, .interpreters = {stub.path()}}, 1, false, never);
  workload_arguments with;
  with.work = 40ms;
  with.share = 0.75;
  side.measure(named("lock"), {}, with, nullptr, [](std::string_view) {});
  EXPECT_DOUBLE_EQ(stub.given_to("sync").at("work_s").to_number<double>(), 0.03);
  EXPECT_DOUBLE_EQ(stub.given_to("sync").at("free_s").to_number<double>(), 0.01);
}

TEST(compare_python, a_form_that_fails_is_told_and_makes_the_whole_fail) {
  const interpreter stub("echo 'OSError: no' >&2; exit 1");
  const interrupt never;
  python_side side({.wanted = true, .interpreters = {stub.path()}}, 1, false, never);
  side.measure(named("cpu"), {}, {}, nullptr, [](std::string_view) {});
  EXPECT_FALSE(side.ok());
  ::testing::internal::CaptureStderr();
  side.complain("io");
  side.complain("cpu");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "fanout compare: cpu under Python's sync: OSError: no\n");
}

TEST(compare_python, commands_have_no_counterpart_and_nothing_is_run_unless_asked_for) {
  const interpreter stub("echo '{\"wall_s\":1,\"result\":5}'");
  const interrupt never;
  const auto refuse = [](std::string_view what) { ADD_FAILURE() << what; };
  python_side side({.wanted = true, .interpreters = {stub.path()}}, 1, false, never);
  side.measure(named("command"), {threads(2)}, {}, nullptr, refuse);
  python_side none({}, 1, false, never);
  none.measure(named("cpu"), {threads(2)}, {}, nullptr, refuse);
  EXPECT_TRUE(side.ok() && none.ok());
  EXPECT_THROW(python_side({.wanted = false, .interpreters = {"/missing/python"}}, 1, false, never),
               std::runtime_error);
}

}  // namespace
}  // namespace fanout::cli
