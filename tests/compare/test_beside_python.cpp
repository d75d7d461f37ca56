#include <fanout/compare/beside_python.hpp>
#include <fanout/origin/background.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

// The workloads as Python programs, under the Python that is installed, and under programs that are none.
namespace fanout::detail {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class beside_python : public testing::Test {
 protected:
  beside_python() {
    std::string pattern = std::filesystem::temp_directory_path() / "fanout-test-python-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~beside_python() override { std::filesystem::remove_all(directory_); }

  /// A program in place of an interpreter.
  std::string interpreter(const std::string& script) const {
    const auto path = directory_ / "interpreter";
    std::ofstream(path) << "#!/bin/sh\n" << script;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  static python_work cpu() {
    python_work work;
    work.name = "cpu";
    work.tasks = 3;
    work.forms = {{"sync", 1}, {"threads", 2}, {"async", 2}, {"processes", 2}};
    work.work = 5ms;
    work.longest = 60s;
    return work;
  }

 private:
  std::filesystem::path directory_;
};

TEST_F(beside_python, four_forms_of_one_workload) {
  const python python3("python3");
  EXPECT_THAT(python3.version(), HasSubstr("3."));
  python_work work = cpu();
  work.timeline = true;
  work.rounds = 2;
  std::vector<std::string> measured;
  const auto rows = python3.rows(work, [&](std::string_view shape) { measured.emplace_back(shape); });
  EXPECT_THAT(measured, ElementsAre("sync", "threads:2", "async:2", "processes:2",  //
                                    "sync", "threads:2", "async:2", "processes:2"));
  ASSERT_EQ(rows.size(), 4U);
  for (const json::object& row : rows) {
    SCOPED_TRACE(json::serialize(row.at("shape")));
    EXPECT_TRUE(row.at("error").is_null());
    EXPECT_GT(row.at("wall_s").to_number<double>(), 0);
    EXPECT_GT(row.at("cpu_s").to_number<double>(), 0);
    EXPECT_GT(row.at("speedup").to_number<double>(), 0);
    EXPECT_EQ(row.at("walls_s").as_array().size(), 2U);
    EXPECT_GE(row.at("spread").to_number<double>(), 0);
    EXPECT_FALSE(row.contains("result"));
    EXPECT_EQ(row.at("interpreter").at("version").as_string(), python3.version());
    EXPECT_EQ(row.at("timeline").at("tasks").as_array().size(), 3U);
  }
  EXPECT_EQ(rows[0].at("speedup").to_number<double>(), 1);
  EXPECT_EQ(rows[3].at("processes").to_number<int>(), 2);
}

TEST_F(beside_python, only_the_forms_asked_for_each_with_its_count) {
  const python python3("python3");
  python_work work = cpu();
  work.forms = {{"sync", 1}, {"async", 20}, {"threads", 3}, {"threads", 2}};
  std::vector<std::string> shapes;
  for (const json::object& row : python3.rows(work, {})) {
    EXPECT_TRUE(row.at("error").is_null());
    shapes.emplace_back(row.at("shape").as_string());
    if (shapes.back() == "threads:3") {
      EXPECT_EQ(row.at("threads").to_number<int>(), 3);
    }
  }
  EXPECT_THAT(shapes, ElementsAre("sync", "async:20", "threads:3", "threads:2"));
}

TEST_F(beside_python, copies_and_locks_have_their_counterparts) {
  const python python3("python3");
  for (const char* name : {"memory", "lock"}) {
    SCOPED_TRACE(name);
    python_work work = cpu();
    work.name = name;
    work.free_work = 2ms;
    work.size_bytes = 64 << 10;
    for (const json::object& row : python3.rows(work, {})) {
      SCOPED_TRACE(json::serialize(row));
      EXPECT_TRUE(row.at("error").is_null());
      EXPECT_TRUE(row.at("interpreter").at("library").is_null());
      EXPECT_GT(row.at("of_bound").to_number<double>(), 0);
      EXPECT_LE(row.at("of_bound").to_number<double>(), 1);
    }
  }
}

TEST_F(beside_python, lists_are_fetched_as_they_say) {
  const origin::background site;
  const python python3("python3");
  python_work work = cpu();
  work.name = "urls";
  work.requests.resize(3);
  work.requests[0].url = site.url("/bytes/10");
  work.requests[1].url = site.url("/bytes/20");
  work.requests[2].url = site.url("/echo");
  work.requests[2].method = "POST";
  work.requests[2].headers = {{"X-Mine", "yes"}};
  work.requests[2].body = "a body";
  for (const json::object& row : python3.rows(work, {})) {
    EXPECT_TRUE(row.at("error").is_null()) << json::serialize(row);
    EXPECT_THAT(row.at("interpreter").at("library").as_string(), Not(testing::IsEmpty()));
  }
  EXPECT_EQ(site.statistics().requests, 12U);
  work.requests[1].url = site.url("/status/404");
  for (const json::object& row : python3.rows(work, {}))
    EXPECT_THAT(std::string(row.at("error").as_string()), HasSubstr("404"));
}

TEST_F(beside_python, what_is_no_python_is_refused_by_name) {
  for (const auto& [path, why] : std::map<std::string, std::string>{
           {"/missing/python", "No such file"},
           {interpreter("echo 'no python here' >&2; exit 3\n"), "no python here"},
       }) {
    try {
      python refused(path);
      ADD_FAILURE() << path << " was taken";
    } catch (const std::runtime_error& failed) {
      EXPECT_THAT(failed.what(), AllOf(HasSubstr("'" + path + "'"), HasSubstr(why)));
    }
  }
}

TEST_F(beside_python, a_form_that_fails_is_a_row_that_says_why) {
  const python broken(
      interpreter("case $2 in threads) echo 'Traceback\nOSError: no \033[31mthreads' >&2; exit 1;; async) echo '[]';; "
                  "processes) kill -9 $$;; *) exec python3 \"$@\";; esac\n"));
  const auto rows = broken.rows(cpu(), {});
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_TRUE(rows[0].at("error").is_null());
  EXPECT_EQ(rows[1].at("error").as_string(), "OSError: no \\x1b[31mthreads");
  EXPECT_EQ(rows[2].at("error").as_string(), "what it printed is no JSON object");
  EXPECT_EQ(rows[3].at("error").as_string(), "a signal ended it (9)");
  EXPECT_TRUE(rows[1].at("speedup").is_null());
}

// Of rounds: a form that failed is not run again.
TEST_F(beside_python, forms_that_come_to_other_results_have_failed) {
  const python other(interpreter(
      "case $2 in threads) echo '{\"wall_s\":1,\"result\":7}';; async) echo '{\"wall_s\":3,\"result\":5}';; "
      "sync|processes) echo '{\"wall_s\":2,\"result\":5}';; *) exec python3 \"$@\";; esac\n"));
  python_work work = cpu();
  work.rounds = 3;
  std::vector<std::string> measured;
  const auto rows = other.rows(work, [&](std::string_view shape) { measured.emplace_back(shape); });
  EXPECT_EQ(measured.size(), 10U);
  EXPECT_THAT(std::string(rows.at(1).at("error").as_string()), HasSubstr("results differ"));
  EXPECT_TRUE(rows.at(1).at("speedup").is_null());
  EXPECT_DOUBLE_EQ(rows.at(3).at("speedup").to_number<double>(), 1);
  EXPECT_DOUBLE_EQ(rows.at(2).at("speedup").to_number<double>(), 2.0 / 3);
}

TEST_F(beside_python, one_that_does_not_end_is_killed) {
  const python stuck(interpreter("case $2 in sync) exec sleep 1000;; *) exec python3 \"$@\";; esac\n"));
  python_work work = cpu();
  work.name = "io";
  work.requests.emplace_back().url = "http://127.0.0.1:1/";  // nobody is asked: the first form does not come to it
  work.longest = 1s;
  EXPECT_EQ(stuck.rows(work, {}).at(0).at("error").as_string(), "it was killed at its time limit");
}

}  // namespace
}  // namespace fanout::detail
