#include "cli/child.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

// What `fanout compare` writes besides tables: pages, and comma-separated values.
namespace {

namespace fs = std::filesystem;
using fanout::cli::testing::child;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct ended {
  int status;
  std::string output, errors;
};
ended compare(std::vector<std::string> more) {
  std::vector<std::string> arguments{"compare", "io", "--tasks", "2", "--latency", "10ms", "--shapes", "sync,async:2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  child started(FANOUT_CLI, std::move(arguments));
  started.close_input();
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

class compare_output : public testing::Test {
 protected:
  compare_output() {
    std::string pattern = fs::temp_directory_path() / "fanout-compare-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~compare_output() override { fs::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ / name; }
  static std::string content(const std::string& of) {
    std::ifstream file(of, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// How many files there are: an unfinished one would be one too many.
  auto files() const { return std::distance(fs::directory_iterator(directory_), {}); }

 private:
  fs::path directory_;
};

TEST_F(compare_output, a_page_is_written_and_named) {
  const ended done = compare({"--html", path("a.html")});
  EXPECT_EQ(done.status, 0) << done.errors;
  EXPECT_THAT(done.output, HasSubstr("I/O-bound"));
  EXPECT_EQ(done.errors, "The report page: " + path("a.html") + "\n");
  EXPECT_THAT(content(path("a.html")), AllOf(StartsWith("<!doctype html>"), HasSubstr("fanout compare io --tasks 2")));
  EXPECT_EQ(fs::status(path("a.html")).permissions() & fs::perms::owner_all,
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(files(), 1);
}

TEST_F(compare_output, an_older_report_is_its_page_or_its_json) {
  std::ofstream(path("old.json")) << compare({"--json"}).output;
  for (const char* next : {"a.html", "b.html"}) {
    const ended done = compare({"--html", path(next), "--against", path(next[0] == 'a' ? "old.json" : "a.html")});
    EXPECT_EQ(done.status, 0) << done.errors;
    EXPECT_THAT(content(path(next)), HasSubstr(R"(id="before">{")"));
  }
}

TEST_F(compare_output, what_cannot_be_written_is_said_before_anything_is_measured) {
  const ended done = compare({"--html", path("missing/a.html")});
  EXPECT_EQ(done.status, 3);
  EXPECT_EQ(done.output, "");
  EXPECT_THAT(done.errors, HasSubstr("cannot write to " + path("missing/a.html") + ": No such file or directory"));
  EXPECT_EQ(compare({"--html", "/dev/full"}).status, 3);
}

TEST_F(compare_output, a_run_that_fails_leaves_the_page_there_was) {
  std::ofstream(path("a.html")) << "before";
  std::ofstream(path("bad.json")) << R"({"workloads":[{}]})";
  const ended done = compare({"--html", path("a.html"), "--against", path("bad.json")});
  EXPECT_EQ(done.status, 2);
  EXPECT_THAT(done.errors, HasSubstr("--against " + path("bad.json") + ": this is no report of fanout compare"));
  EXPECT_EQ(content(path("a.html")), "before");
  EXPECT_EQ(files(), 2);
  EXPECT_THAT(compare({"--html", path("a.html"), "--against", path("none")}).errors,
              HasSubstr("--against: cannot read " + path("none") + ": No such file or directory"));
  EXPECT_THAT(compare({"--html", path("a.html"), "--against", path("")}).errors,
              HasSubstr("--against: cannot read " + path("") + ": Is a directory"));
  EXPECT_THAT(compare({"--html", ""}).errors, HasSubstr("--html: give the name of a file"));
  EXPECT_THAT(compare({"--html", "-"}).errors, HasSubstr("--html: standard output has the tables; name a file"));
}

TEST_F(compare_output, whatever_ends_it_leaves_no_unfinished_page) {
  const int unnamed = ::open(path("").c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (unnamed < 0) GTEST_SKIP() << "this file system has no files without a name";
  ::close(unnamed);
  child started(FANOUT_CLI, {"compare", "cpu", "io", "--work", "1ms", "--tasks", "1", "--shapes", "sync", "--latency",
                             "1h", "--html", path("a.html")});
  for (int lines = 0; lines < 3; ++lines) started.read_line();  // of cpu: the page was begun, and io will not end
  started.signal(SIGKILL);
  EXPECT_EQ(started.wait(), -SIGKILL);
  EXPECT_EQ(files(), 0);
}

TEST_F(compare_output, ctrl_c_ends_the_writing_of_a_page_into_a_pipe_that_nobody_reads) {
  const std::string pipe = path("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  child started(FANOUT_CLI, {"compare", "io", "--tasks", "1", "--latency", "1ms", "--shapes", "sync", "--html", pipe});
  const int room = ::fcntl(reader, F_GETPIPE_SZ);
  for (int waiting = 0; waiting < room; std::this_thread::yield()) ::ioctl(reader, FIONREAD, &waiting);
  started.signal(SIGINT);
  EXPECT_EQ(started.wait(), 130);
  EXPECT_EQ(started.rest_of_errors(), "");
  ::close(reader);
}

TEST_F(compare_output, a_reader_who_has_gone_is_an_output_that_cannot_be_written) {
  child started(FANOUT_CLI, {"compare", "io", "--tasks", "1", "--latency", "1ms", "--shapes", "sync"});
  started.close_output();
  EXPECT_EQ(started.rest_of_errors(), "fanout compare: standard output cannot be written: Broken pipe\n");
  EXPECT_EQ(started.wait(), 3);
}

TEST_F(compare_output, comma_separated_values_in_place_of_tables) {
  const ended done = compare({"--csv"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.output, AllOf(StartsWith("workload_name,"), HasSubstr(",fanout,async:2,")));
  EXPECT_EQ(std::count(done.output.begin(), done.output.end(), '\n'), 3);
  EXPECT_EQ(compare({"--csv", "--json"}).status, 2);
}

TEST_F(compare_output, opening_needs_a_page) {
  EXPECT_THAT(compare({"--open"}).errors, HasSubstr("--open requires --html"));
}

TEST_F(compare_output, a_form_of_python_that_fails_is_a_failed_row) {
  std::ofstream(path("python"))
      << "#!/bin/sh\ncase $2 in async) echo no loop >&2; exit 1;; esac\nexec python3 \"$@\"\n";
  fs::permissions(path("python"), fs::perms::owner_all);
  const ended done = compare({"--rounds", "1", "--python-bin", path("python"), "--csv"});
  EXPECT_EQ(done.status, 1);
  EXPECT_EQ(done.errors, "fanout compare: io under Python's async:2: no loop\n");
}

}  // namespace
