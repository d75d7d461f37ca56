// fanout job show, verify and join, of what fanout fetch leaves.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "cli/job/job_look.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

class job_look : public ::testing::TestWithParam<const char*> {
 protected:
  static constexpr int urls = 60;
  job_look() {
    std::string text;
    for (int i = 0; i < urls; ++i)
      text += "http://h" + std::to_string(i % 10) + ".example" +
              (i % 20 == 5 ? "/status/404" : "/bytes/" + std::to_string(i)) + "\n";
    list_ = directory_.write("list", text);
  }
  std::vector<std::string> arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> all{"fetch", "-q",     "--connect-to", "::127.0.0.1:" + std::to_string(origin_.port()),
                                 "-i",    list_,    "-o",           path(),
                                 "-s",    "async:4"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  int fetched(const std::vector<std::string>& more = {}) const {
    child run(tool, arguments(more), {.output = "/dev/null"});
    const std::string errors = run.rest_of_errors();
    const int status = run.wait();
    EXPECT_LE(status, 1) << errors;
    return status;
  }
  std::string path() const { return directory_ / ("pages" + std::string(GetParam())); }

  fanout::origin::background origin_;
  fanout_test::temporary_directory directory_;
  std::string list_;
};

TEST_P(job_look, a_complete_job_is_whole) {
  EXPECT_EQ(fetched(), 1);
  const auto shown = job({"show", path()});
  EXPECT_EQ(shown.status, 0) << shown.errors;
  EXPECT_THAT(shown.output, AllOf(HasSubstr(": complete\n60 done of 60, 3 failed\n"), HasSubstr("failures: status 3"),
                                  HasSubstr("3  h5.example")));
  const auto checked = job({"verify", path()});
  EXPECT_EQ(checked.status, 0) << checked.errors;
  EXPECT_THAT(checked.output, HasSubstr("complete, 60 records, 3 of them failed"));
  EXPECT_THAT(checked.output, HasSubstr("all is whole"));
}

TEST_P(job_look, shards_are_shown_and_joined) {
  for (const char* part : {"0/3", "2/3"}) fetched({"--shard", part});
  const auto early = job({"join", path()});
  EXPECT_EQ(early.status, 75);
  EXPECT_THAT(early.errors, HasSubstr("of 3 shards these are not complete: 1"));
  EXPECT_THAT(job({"show", path()}).output, HasSubstr("3 shards: 2 complete, 0 running, 0 stopped, 1 not begun"));
  fetched({"--shard", "1/3"});
  const auto joined = job({"join", "--by-index", path()});
  EXPECT_EQ(joined.status, 0) << joined.errors;
  const auto shown = json::parse(job({"show", "--json", path()}).output).as_object();
  EXPECT_EQ(shown.at("done").as_int64(), urls);
  EXPECT_EQ(shown.at("failed").as_int64(), 3);
  EXPECT_EQ(shown.at("total").as_int64(), urls);
  EXPECT_TRUE(shown.at("joined").as_bool());
  const auto checked = job({"verify", path()});
  EXPECT_EQ(checked.status, 0) << checked.errors;
}

TEST_P(job_look, a_job_under_way_and_a_killed_one) {
  std::ofstream(list_, std::ios::app) << "http://h0.example/never\n";
  child run(tool, arguments({}), {.output = "/dev/null"});
  // There is nothing at first, and the journal is written once a second.
  json::object shown;
  while (!shown.contains("done") || shown.at("done").as_int64() < urls) {
    const auto look = job({"show", "--json", path()});
    if (look.status == 0) shown = json::parse(look.output).as_object();
    ASSERT_TRUE(exists(run.pid()));
  }
  EXPECT_EQ(shown.at("state").as_string(), "running");
  EXPECT_EQ(shown.at("failing_hosts").at(0).at("host").as_string(), "h5.example");
  const auto checked = job({"verify", path()});
  EXPECT_EQ(checked.status, 0) << checked.errors;
  run.signal(SIGKILL);
  run.wait();
  const bool database = path().ends_with(".sqlite");
  const std::string records = (GetParam() == std::string("/") ? path() + "records.jsonl" : path());
  if (!database) std::ofstream(records + ".part", std::ios::app) << "torn";
  const auto after = job({"verify", path()});
  EXPECT_EQ(after.status, 0) << after.errors;
  EXPECT_THAT(after.output, HasSubstr(": stopped, 60 records"));
  EXPECT_THAT(after.errors, HasSubstr(database ? "" : "behind the last whole record"));
  EXPECT_THAT(job({"show", path()}).output, HasSubstr(": stopped\n60 done of 61, 3 failed\n"));
}

INSTANTIATE_TEST_SUITE_P(each_sink, job_look,
                         ::testing::Values(".jsonl", ".jsonl.gz", ".jsonl.zst", ".warc.gz", "/", ".sqlite"),
                         [](const auto& given) {
                           std::string name = given.param;
                           std::erase_if(name, [](char c) { return c == '.'; });
                           return name == "/" ? "directory" : name;
                         });

TEST(job_look_at_its_history, is_a_page_with_all_runs) {
  const fanout::origin::background origin;
  const fanout_test::temporary_directory directory;
  const std::string path = directory / "pages.jsonl";
  ASSERT_EQ(fetch({"-q", origin.url("/bytes/5"), origin.url("/status/404"), "-o", path}).status, 1);
  const auto made = job({"report", path, "--html", directory / "page.html"});
  EXPECT_EQ(made.status, 0) << made.errors;
  const std::string page = read_file(directory / "page.html");
  const auto from = page.find("id=\"report\">") + 12;
  const auto report =
      json::parse(page.substr(from, page.find("</script>", from) - from)).as_object().at("job").as_object();
  EXPECT_EQ(report.at("done").as_int64(), 2);
  EXPECT_EQ(report.at("failures").at("status").as_int64(), 1);
  ASSERT_EQ(report.at("runs").as_array().size(), 1U);
  const auto& moments = report.at("runs").at(0).at("moments").as_array();
  EXPECT_EQ(moments.back().at("done").as_int64(), 2);
  EXPECT_EQ(moments.back().at("in_flight").as_int64(), 0);
}

TEST(job_look_at_its_history, has_the_limits_of_hosts_that_were_found) {
  const fanout::origin::background origin;
  const fanout_test::temporary_directory directory;
  std::string urls;
  for (int i = 0; i < 60; ++i) urls += origin.url("/delay/5") + "\n";
  const std::string path = directory / "pages.jsonl";
  ASSERT_EQ(fetch({"-q", "-i", directory.write("list", urls), "-o", path}).status, 0);
  ASSERT_EQ(job({"report", path, "--html", directory / "page.html"}).status, 0);
  const std::string page = read_file(directory / "page.html");
  const auto from = page.find("id=\"report\">") + 12;
  const auto report =
      json::parse(page.substr(from, page.find("</script>", from) - from)).as_object().at("job").as_object();
  const auto& limits = report.at("runs").at(0).at("limits").as_array();
  ASSERT_EQ(limits.size(), 1U);
  EXPECT_EQ(limits.at(0).at("host").as_string(), "127.0.0.1:" + std::to_string(origin.port()));
  EXPECT_GE(limits.at(0).at("in_flight").to_number<int>(), 1);
}

TEST(job_look_at_nothing, says_so) {
  const fanout_test::temporary_directory directory;
  for (const char* command : {"show", "verify", "join"}) {
    const auto run = job({command, directory / "pages.jsonl"});
    EXPECT_EQ(run.status, 2) << command;
    EXPECT_THAT(run.errors, HasSubstr("pages.jsonl")) << command;
  }
}

TEST(job_look_at_bodies, one_that_was_changed_is_found) {
  const fanout::origin::background origin;
  const fanout_test::temporary_directory directory;
  const auto run = fetch({"-q", origin.url("/bytes/5"), origin.url("/bytes/6"), "-o", directory / "pages/"});
  ASSERT_EQ(run.status, 0) << run.errors;
  directory.write("pages/00000001", "short");
  const auto checked = job({"verify", directory / "pages"});
  EXPECT_EQ(checked.status, 1);
  EXPECT_THAT(checked.errors, HasSubstr("the body of index 1 has 5 bytes, and its record says 6"));
  EXPECT_EQ(job({"verify", "--no-bodies", directory / "pages"}).status, 0);
}

TEST(job_look_at_bodies, their_sha_256_is_computed_again) {
  const fanout::origin::background origin;
  const fanout_test::temporary_directory directory;
  for (const char* name : {"pages/", "pages.jsonl", "pages.sqlite"}) {
    const std::string path = directory / name;
    std::vector<std::string> command{"-q", origin.url("/bytes/5"), origin.url("/bytes/6"), "-o", path, "--sha256"};
    if (!path.ends_with('/')) command.emplace_back("--with-bodies");
    ASSERT_EQ(fetch(command).status, 0);
    const auto checked = job({"verify", "--sha256", path});
    EXPECT_EQ(checked.status, 0) << checked.errors;
    EXPECT_THAT(checked.output, HasSubstr("2 bodies checked, 2 by SHA-256: all is whole"));
  }
  directory.write("pages/00000001", "ABCDEf");
  EXPECT_EQ(job({"verify", directory / "pages"}).status, 0) << "it has its size";
  const auto checked = job({"verify", "--sha256", directory / "pages"});
  EXPECT_EQ(checked.status, 1);
  EXPECT_THAT(checked.errors, HasSubstr("the body of index 1 has SHA-256 "));
  EXPECT_EQ(job({"verify", "--sha256", "--no-bodies", directory / "pages"}).status, 2);
}

}  // namespace
