#include "cli/child.hpp"
#include "cli/job/job_script.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace {

using namespace fanout::cli;
using fanout::cli::testing::child;
using ::testing::HasSubstr;
using ::testing::Not;

/// Directories, a tool that is said to be there, and an origin.
class job_script : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = std::filesystem::temp_directory_path() / "fanout-job-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  struct ended {
    int status;
    std::string output, errors;
  };
  static ended run(const std::string& program, std::vector<std::string> arguments) {
    child started(program, std::move(arguments));
    started.close_input();
    std::string output = started.rest_of_output(), errors = started.rest_of_errors();
    return {started.wait(), std::move(output), std::move(errors)};
  }
  std::string file(const std::string& name) const { return directory_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(file(name)) << text; }
  static std::string read(const std::string& name) {
    std::ifstream from(name);
    std::ostringstream text;
    text << from.rdbuf();
    return text.str();
  }

  std::string directory_;
};

script_options four_shards() {
  script_options of;
  of.name = "pages";
  of.directory = "/shared/it's here";
  of.shards = 4;
  of.fetch_arguments = {"-i", "a b.txt", "-H", "X: $HOME'"};
  return of;
}

TEST_F(job_script, of_slurm_is_a_program_of_bash_with_every_word_quoted) {
  script_options of = four_shards();
  EXPECT_THROW(slurm_script(of, {}), std::invalid_argument) << "Slurm cannot read this name of a log";
  of.directory = "/shared/here it is";
  const std::string text =
      slurm_script(of, {.array_limit = 100, .warning = 90, .rounds = 2, .time = "0:30:00", .partition = {}});
  write("script", text);
  EXPECT_EQ(run("/bin/bash", {"-n", file("script")}).errors, "");
  EXPECT_THAT(text, HasSubstr("\n#SBATCH --signal=B:TERM@90\n"));
  EXPECT_THAT(text, HasSubstr("\n#SBATCH --time='0:30:00'\n"));
  EXPECT_THAT(text, HasSubstr("fetch=(-i 'a b.txt' -H 'X: $HOME'\\''')"));
  EXPECT_THAT(text, HasSubstr("directory='/shared/here it is' shards=4 limit=100 rounds=2"));
  EXPECT_THAT(text, Not(HasSubstr("--partition")));
}

TEST_F(job_script, of_kubernetes_refuses_names_that_it_does_not_accept) {
  script_options of = four_shards();
  EXPECT_THAT(kubernetes_manifest(of, {}), HasSubstr("  name: \"pages\"\n"));
  EXPECT_THAT(kubernetes_manifest(of, {}), HasSubstr("            - \"X: $$HOME'\"\n"));
  for (const char* name : {"", "Pages", "-pages", "pa.ges", "pages\n"}) {
    of.name = name;
    EXPECT_THROW(kubernetes_manifest(of, {}), std::invalid_argument) << name;
  }
}

/// A `sbatch` that runs what it is given at once: each task of an array, as many as `limit`, and jobs that depend on
/// them. Task 2 of the first array is killed, as with its machine.
constexpr const char* sbatch = R"sh(#!/bin/bash
set -u
array= limit=4
for each; do
  case $each in --array=*) array=${each#--array=} ;; --dependency=*) [[ $each == *afterany:1* ]] || exit 1 ;; esac
done
here=$(dirname "$0")
echo "$*" >>"$here/submitted"
script=${@: -1}
if [[ -z $array ]]; then
  echo 2
  exec bash "$script" >>"$here/follow-up" 2>&1
fi
echo "1;cluster"
IFS=, read -ra parts <<<"${array%%%*}"
for part in "${parts[@]}"; do
  for ((task = ${part%-*}; task <= ${part#*-}; task++)); do
    ((task < limit)) || exit 1
    if ((task == 2)) && ! [[ -e $here/killed ]]; then
      touch "$here/killed"
      continue
    fi
    SLURM_ARRAY_TASK_ID=$task bash "$script" >>"$here/tasks" 2>&1
  done
done
)sh";

TEST_F(job_script, of_slurm_fetches_all_shards_and_what_was_missing_once_more) {
  child origin(FANOUT_CLI, {"serve", "--port", "0", "--until-eof"});
  const std::string base = origin.read_line().substr(std::string("listening on ").size());
  std::vector<std::string> expected;
  for (int shard = 0; shard < 6; ++shard) {
    std::string list;
    for (int page = 0; page < 3; ++page) {
      list += base + "/bytes/" + std::to_string(100 * shard + page) + "\n";
      expected.push_back(base + "/bytes/" + std::to_string(100 * shard + page));
    }
    write("list-" + std::to_string(shard) + ".txt", list);
  }
  write("sbatch", sbatch);
  std::filesystem::permissions(file("sbatch"), std::filesystem::perms::owner_all);
  const ended script =
      run(FANOUT_CLI, {"job", "script", "slurm", "--shards", "6", "--array-limit", "4", "--into", file("pages"),
                       "--program", FANOUT_CLI, "--at-once", "3", "--", "-i", file("list-{index}.txt")});
  ASSERT_EQ(script.status, 0) << script.errors;
  write("fetch.sh", script.output);
  const ended submitted =
      run("/usr/bin/env", {"PATH=" + directory_ + ":" + std::getenv("PATH"), "/bin/bash", file("fetch.sh")});
  EXPECT_EQ(submitted.status, 0) << submitted.errors << read(file("tasks"));
  EXPECT_THAT(read(file("submitted")), HasSubstr("--array=0-3%3"));
  EXPECT_THAT(read(file("submitted")), HasSubstr("--array=0-1%3"));
  EXPECT_THAT(read(file("submitted")), HasSubstr("--array=2%3")) << "what was killed, once more";
  std::istringstream lines(read(file("pages/all.jsonl")));
  std::vector<std::string> urls;
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("\"url\":\"") + 7;
    urls.push_back(line.substr(at, line.find('"', at) - at));
    EXPECT_THAT(line, HasSubstr("\"status\":200"));
  }
  std::sort(urls.begin(), urls.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(urls, expected);
}

/// The command of the container, with what Kubernetes makes of `$$`.
std::vector<std::string> container_command(const std::string& manifest) {
  std::vector<std::string> command;
  std::istringstream lines(manifest);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("            - \"")) continue;
    std::string word(boost::json::parse(line.substr(14)).as_string());
    for (auto at = word.find("$$"); at != word.npos; at = word.find("$$", at + 1)) word.erase(at, 1);
    command.push_back(std::move(word));
  }
  return command;
}

// As the cluster does: each index until it ends with 0, again without an end where it was 75.
TEST_F(job_script, of_kubernetes_runs_in_a_loop_with_the_variables_of_a_cluster) {
  child origin(FANOUT_CLI, {"serve", "--port", "0", "--until-eof"});
  const std::string base = origin.read_line().substr(std::string("listening on ").size());
  std::filesystem::create_directory(file("pages"));
  write("list-0 $(HOME).txt", base + "/bytes/1\n" + base + "/status/404\n");
  write("list-1 $(HOME).txt", base + "/bytes/2\n");
  const ended manifest =
      run(FANOUT_CLI, {"job", "script", "kubernetes", "--shards", "2", "--into", file("pages"), "--program", FANOUT_CLI,
                       "--claim", "pages", "--retries", "1", "--", "-i", file("list-{index} $(HOME).txt")});
  ASSERT_EQ(manifest.status, 0) << manifest.errors;
  EXPECT_THAT(manifest.output, HasSubstr("  backoffLimitPerIndex: 1 "));
  for (const char* index : {"0", "1"}) {
    std::vector<std::string> command = container_command(manifest.output);
    command.insert(command.begin(), std::string("JOB_COMPLETION_INDEX=") + index);
    const ended pod = run("/usr/bin/env", command);
    EXPECT_EQ(pod.status, 0) << pod.errors;
  }
  EXPECT_EQ(run(FANOUT_CLI, {"job", "gather", "--into", file("pages"), "--shards", "2", "-o", file("all")}).status, 0);
  const std::string records = read(file("all"));
  EXPECT_THAT(records, HasSubstr(base + "/bytes/2\""));
  EXPECT_EQ(std::count(records.begin(), records.end(), '\n'), 3);
}

TEST_F(job_script, commands_name_what_is_missing_or_wrong) {
  EXPECT_EQ(run(FANOUT_CLI, {"job"}).status, 2);
  EXPECT_THAT(run(FANOUT_CLI, {"job", "script", "slurm", "--into", "x"}).errors, HasSubstr("--shards"));
  const ended no_index =
      run(FANOUT_CLI, {"job", "shard", "--into", directory_, "--shards", "2", "--", "-i", "{index}"});
  EXPECT_EQ(no_index.status, 2);
  EXPECT_THAT(no_index.errors, HasSubstr("--index"));
  EXPECT_EQ(
      run(FANOUT_CLI, {"job", "shard", "--into", directory_, "--shards", "2", "--index", "2", "--", "-i", "{index}"})
          .status,
      2);
  const ended all_the_same = run(
      FANOUT_CLI, {"job", "shard", "--into", directory_, "--shards", "2", "--index", "0", "--", "http://localhost/"});
  EXPECT_EQ(all_the_same.status, 2);
  EXPECT_THAT(all_the_same.errors, HasSubstr("{index}"));
  const ended missing = run(FANOUT_CLI, {"job", "gather", "--into", directory_, "--shards", "5", "--array-limit", "3"});
  EXPECT_EQ(missing.status, 75);
  EXPECT_EQ(missing.output, "0 0-2\n3 0-1\n");
  EXPECT_EQ(run(FANOUT_CLI,
                {"job", "shard", "--into", file("nowhere"), "--shards", "2", "--index", "0", "--", "-i", "{index}"})
                .status,
            3);
}

}  // namespace
