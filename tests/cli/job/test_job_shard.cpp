#include "cli/job/job_shard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace {

using namespace fanout::cli;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string text_of(const std::string& name) {
  std::ifstream file(name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class job_shard : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "fanout-shards-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  shard_task task(std::uint32_t index, const std::string& script, std::uint32_t shards = 2) const {
    return {.directory = directory_,
            .index = index,
            .shards = shards,
            .suffix = ".jsonl",
            .command = {"/bin/sh", "-c", script, "{output}", "{index}", "{shards}"}};
  }
  /// In a process of its own, which is not awaited.
  pid_t start(const shard_task& what) const {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(run_shard(what));
    return child;
  }
  static int status_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  /// A pipe with a name; whoever opens it waits for the other end.
  std::string pipe(const std::string& name) const {
    EXPECT_EQ(::mkfifo(file(name).c_str(), 0600), 0);
    return file(name);
  }

  std::string directory_;
};

TEST_F(job_shard, what_was_written_is_committed_and_joined_in_order) {
  EXPECT_EQ(run_shard(task(1, "echo shard $1 of $2 >$0")), 0);
  EXPECT_THAT(missing_shards(directory_, 2), ElementsAre(0));
  EXPECT_THROW(gather_shards(directory_, 2, file("all")), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(file("all")));
  EXPECT_EQ(run_shard(task(0, "echo shard $1 of $2 >$0; exit 1")), 0) << "some requests failed, which are records";
  gather_shards(directory_, 2, file("all"));
  EXPECT_EQ(text_of(file("all")), "shard 0 of 2\nshard 1 of 2\n");
  EXPECT_THAT(text_of(file("shard-0.json")), HasSubstr("\"status\":1"));
}

TEST_F(job_shard, one_that_is_done_is_not_run_again) {
  EXPECT_EQ(run_shard(task(0, "echo one >$0")), 0);
  EXPECT_EQ(run_shard(task(0, "echo two >$0; exit 9")), 0);
  EXPECT_EQ(run_shard(task(1, "exit 0")), 0) << "no input, and so no output";
  gather_shards(directory_, 2, file("all"));
  EXPECT_EQ(text_of(file("all")), "one\n");
  EXPECT_THROW(run_shard(task(0, "exit 0", 3)), std::runtime_error) << "it is a shard of another job";
}

TEST_F(job_shard, an_attempt_that_fails_commits_nothing) {
  EXPECT_EQ(run_shard(task(0, "echo torn >$0; exit 3")), 3);
  EXPECT_EQ(run_shard(task(0, "echo torn >$0; kill -9 $$")), 128 + SIGKILL);
  EXPECT_THAT(missing_shards(directory_, 2), ElementsAre(0, 1));
  EXPECT_EQ(run_shard(task(0, "cat $0 2>/dev/null; echo whole >$0")), 0);
  EXPECT_THAT(text_of(file("shard-0.json")), HasSubstr("shard-0.attempt-3.jsonl"));
}

TEST_F(job_shard, a_killed_one_takes_its_program_with_it_and_commits_nothing) {
  const std::string ended = pipe("ended");
  // The program holds the pipe open for as long as it lives.
  const pid_t killed = start(task(0, "exec 3>" + ended + "; echo torn >$0; kill -9 $PPID; while :; do :; done"));
  const int end = ::open(ended.c_str(), O_RDONLY);
  EXPECT_EQ(status_of(killed), -SIGKILL);
  char byte = 0;
  EXPECT_EQ(::read(end, &byte, 1), 0) << "the program ended, or this would wait for it";
  ::close(end);
  EXPECT_EQ(run_shard(task(0, "echo whole >$0")), 0);
  EXPECT_EQ(run_shard(task(1, "echo last >$0")), 0);
  gather_shards(directory_, 2, file("all"));
  EXPECT_EQ(text_of(file("all")), "whole\nlast\n");
}

TEST_F(job_shard, one_that_stood_still_while_its_shard_was_given_away_commits_nothing) {
  const std::string begun = pipe("begun"), go_on = pipe("go-on");
  const pid_t slow = start(task(0, "echo late >$0; echo >" + begun + "; read line <" + go_on));
  text_of(begun);  // waits until it is under way
  ASSERT_EQ(::kill(slow, SIGSTOP), 0);
  int status = 0;
  ASSERT_EQ(::waitpid(slow, &status, WUNTRACED), slow);
  ASSERT_TRUE(WIFSTOPPED(status));
  EXPECT_EQ(run_shard(task(0, "echo first >$0")), 0);
  const std::string manifest = text_of(file("shard-0.json"));
  ::kill(slow, SIGCONT);
  std::ofstream(go_on) << "\n";
  EXPECT_EQ(status_of(slow), 0);
  EXPECT_EQ(text_of(file("shard-0.json")), manifest);
  EXPECT_FALSE(std::filesystem::exists(file("shard-0.attempt-1.jsonl"))) << "what it wrote is dropped";
  EXPECT_EQ(text_of(file("shard-0.attempt-2.jsonl")), "first\n");
}

TEST_F(job_shard, one_that_was_drained_goes_on_with_its_output) {
  const std::string script =
      "if [ -e $0 ]; then echo rest >>$0; else trap 'exit 75' TERM; echo begun >$0; kill -TERM $PPID; while :; do :; "
      "done; fi";
  const pid_t drained = start(task(0, script));
  EXPECT_EQ(status_of(drained), 75) << "the signal went to the program";
  EXPECT_THAT(missing_shards(directory_, 1), ElementsAre(0));
  EXPECT_EQ(run_shard(task(0, script)), 0);
  EXPECT_EQ(text_of(file("shard-0.attempt-1.jsonl")), "begun\nrest\n");
  EXPECT_FALSE(std::filesystem::exists(file("shard-0.attempt-1.drained")));
}

TEST_F(job_shard, a_file_that_is_not_as_its_manifest_says_is_not_joined) {
  EXPECT_EQ(run_shard(task(0, "echo one >$0")), 0);
  std::ofstream(file("shard-0.attempt-1.jsonl"), std::ios::app) << "more\n";
  EXPECT_THROW(gather_shards(directory_, 1, file("all")), std::runtime_error);
  std::ofstream(file("shard-0.json")) << "{}";
  EXPECT_THROW(gather_shards(directory_, 1, file("all")), std::runtime_error);
  EXPECT_FALSE(std::filesystem::exists(file("all")));
}

TEST_F(job_shard, the_index_is_that_of_the_batch_system) {
  EXPECT_EQ(index_of_batch_system(), std::nullopt);
  ::setenv("JOB_COMPLETION_INDEX", "7", 1);
  EXPECT_EQ(index_of_batch_system(), 7);
  ::setenv("SLURM_ARRAY_TASK_ID", "3", 1);
  EXPECT_EQ(index_of_batch_system(), 3);
  ::setenv("FANOUT_FIRST_SHARD", "2000", 1);
  EXPECT_EQ(index_of_batch_system(), 2003);
  ::setenv("SLURM_ARRAY_TASK_ID", "three", 1);
  EXPECT_THROW(index_of_batch_system(), std::invalid_argument);
  for (const char* name : {"JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID", "FANOUT_FIRST_SHARD"}) ::unsetenv(name);
}

TEST(array_lists, have_ranges_and_stay_within_the_limit_of_an_array) {
  EXPECT_THAT(array_lists({}, 10), ElementsAre());
  EXPECT_THAT(array_lists({3, 7, 8, 9}, 1000), ElementsAre("0 3,7-9"));
  EXPECT_THAT(array_lists({8, 9, 10, 11, 35}, 10), ElementsAre("0 8-9", "10 0-1", "30 5"));
}

}  // namespace
