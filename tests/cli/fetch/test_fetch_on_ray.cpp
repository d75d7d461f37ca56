// The command line of --on ray, up to the Python program. python/tests/test_ray.py has the rest.
#include "cli/fetch/fetch_on_ray.hpp"
#include "cli/fetch_support.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace fanout::cli::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using strings = std::vector<std::string>;

strings left_of(const strings& arguments) {
  CLI::App command("fetch");
  fanout::cli::fetch_options into;
  fanout::cli::add_fetch_options(command, into);
  return fanout::cli::arguments_of_shards(command, arguments);
}

TEST(fetch_on_ray, shards_get_all_options_but_those_of_the_job) {
  EXPECT_THAT(left_of({"--on", "ray", "-i", "list", "-o", "pages.jsonl", "--progress=plain", "-q"}), IsEmpty());
  EXPECT_THAT(left_of({"--on=ray", "-ilist", "-opages.jsonl", "--timeout", "5", "-H", "a: b", "--header=c: -o", "-L"}),
              ElementsAre("--timeout", "5", "-H", "a: b", "--header", "c: -o", "-L"));
  EXPECT_THAT(left_of({"http://a.example/", "-qfkHa: b", "--url", "http://b.example/", "--", "--no-option"}),
              ElementsAre("-f", "-k", "-H", "a: b"));
  EXPECT_THAT(left_of({"-d", "-q", "-d", "--on"}), ElementsAre("-d", "-q", "-d", "--on"));
}

TEST(fetch_on_ray, what_needs_one_machine_is_refused) {
  for (const strings& each : {strings{"--summary", "file"}, {"--shard=0/2"}, {"-v"}, {"-w", "x"}, {"-K", "file"}})
    EXPECT_THROW(left_of(each), fanout::cli::usage_error) << each[0];
  for (const auto& [arguments, said] :
       {std::pair<strings, std::string>{{"--on", "slurm", "http://a.example/"}, "ray://HOST:PORT"},
        {{"--on", "ray://", "http://a.example/"}, "ray://HOST:PORT"},
        {{"--on", "ray", "-i", "a", "-i", "b", "-o", "c.jsonl"}, "give one list"},
        {{"--on", "ray", "-i", "-", "-o", "c.jsonl"}, "give one list"},
        {{"--on", "ray", "-o", "c.jsonl"}, "give one list"},
        {{"--on", "ray", "-i", "a"}, "give -o FILE.jsonl"},
        {{"--on", "ray", "-i", "a", "-o", "c.sqlite"}, "give -o FILE.jsonl"},
        {{"--on", "ray", "-i", "a", "-o", "c.jsonl", "--metrics", "127.0.0.1:0"}, "whole job on one machine"}}) {
    const ended run = fetch(arguments);
    EXPECT_EQ(run.status, 2) << run.errors;
    EXPECT_THAT(run.errors, HasSubstr(said));
  }
}

/// Names another Python as long as it lives.
class python_is {
 public:
  explicit python_is(const std::string& path) { ::setenv("FANOUT_PYTHON", path.c_str(), 1); }
  python_is(const python_is&) = delete;
  python_is& operator=(const python_is&) = delete;
  ~python_is() { ::unsetenv("FANOUT_PYTHON"); }
};

TEST(fetch_on_ray, python_gets_the_job) {
  const fanout_test::temporary_directory directory;
  const std::string script = directory.write("python", "#!/bin/sh\nshift 2\nprintf '[%s]\\n' \"$@\"\nexit 7\n");
  ::chmod(script.c_str(), 0755);
  const python_is other(script);
  const ended run = fetch({"--on", "ray://head:10001", "-i", "urls", "-o", "pages.warc.gz", "-q", "--timeout", "5"});
  EXPECT_EQ(run.status, 7) << run.errors;
  EXPECT_EQ(
      run.output,
      "[--output]\n[pages.warc.gz]\n[--suffix]\n[.warc.gz]\n[--address]\n[ray://head:10001]\n[--quiet]\n[--list]\n"
      "[urls]\n[--]\n[--timeout]\n[5]\n");
}

TEST(fetch_on_ray, a_python_that_is_not_there_or_has_no_fanout_is_named) {
  {
    const python_is other("/nowhere/python");
    const ended run = fetch({"--on", "ray", "-i", "urls", "-o", "pages.jsonl"});
    EXPECT_EQ(run.status, 2);
    EXPECT_THAT(run.errors, HasSubstr("cannot start '/nowhere/python'"));
  }
  const fanout_test::temporary_directory directory;
  const std::string script = directory.write("python", "#!/bin/sh\nexec python3 -I -S \"$@\"\n");
  ::chmod(script.c_str(), 0755);
  const python_is other(script);
  const ended run = fetch({"--on", "ray", "-i", "urls", "-o", "pages.jsonl"});
  EXPECT_EQ(run.status, 2);
  EXPECT_THAT(run.errors, HasSubstr("has no module fanout"));
}

}  // namespace
