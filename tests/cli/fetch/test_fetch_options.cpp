// Wrong use: exit status 2, and a message that names the option, the value, and what is accepted.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "http/certificates.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>

namespace {

using namespace fanout::cli::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class fetch_usage : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(origin_.statistics().connections_accepted, 0u); }
  std::string refused(std::vector<std::string> options) {
    options.push_back(origin_.url("/bytes/5"));
    const ended result = fetch(std::move(options));
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, StartsWith("fanout fetch: "));
    return result.errors;
  }
  fanout::origin::background origin_;
};

TEST_F(fetch_usage, unknown_options) {
  EXPECT_THAT(refused({"--bogus"}), AllOf(HasSubstr("'--bogus'"), HasSubstr("fetch --help says more")));
  EXPECT_THAT(refused({"-Q"}), HasSubstr("'-Q'"));
}

TEST_F(fetch_usage, shapes) {
  for (const char* shape : {"nope", "threads:x", "threads:", "2x2", "1x1x1x1x1", "sync:2", ""})
    EXPECT_THAT(refused({"-s", shape}), AllOf(HasSubstr("-s: '" + std::string(shape) + "'"), HasSubstr("async:N")));
  EXPECT_THAT(refused({"-s", "0x1x1"}), AllOf(HasSubstr("-s: '0x1x1'"), HasSubstr("at least 1")));
  EXPECT_THAT(refused({"-s", "threads:0"}), AllOf(HasSubstr("-s: 'threads:0'"), HasSubstr("count of 0")));
  for (const char* shape : {"processes:1025", "processes:1000000000", "processes:99999999999999", "1025x1x1"})
    EXPECT_THAT(refused({"-s", shape}), AllOf(HasSubstr(shape), HasSubstr("limit of 1024")));
  for (const char* shape : {"processes:0", "processes:-1", "processes:1.5", "processes: 2"})
    EXPECT_THAT(refused({"-s", shape}), HasSubstr("-s: '" + std::string(shape) + "' is not a shape: "));
  EXPECT_THAT(refused({"-s", "processes:5000"}), HasSubstr("5000 processes are beyond the limit of "));
  EXPECT_THAT(refused({"-s", "processes:99999999999999"}), HasSubstr("so many processes are beyond the limit of "));
}

TEST_F(fetch_usage, jobs) {
  EXPECT_THAT(refused({"-j", "0"}), AllOf(HasSubstr("--jobs: '0'"), HasSubstr("from 1 to 1000000")));
  EXPECT_THAT(refused({"-j", "-1"}), HasSubstr("'-1'"));
  EXPECT_THAT(refused({"-j", "4", "-s", "threads:3"}), AllOf(HasSubstr("-s threads:3"), HasSubstr("-j asks for 4")));
  EXPECT_THAT(refused({"-j", "4", "-s", "2x2x2"}), AllOf(HasSubstr("-s 2x2x2"), HasSubstr("-j asks for 4")));
  EXPECT_THAT(refused({"-j", "4", "-s", "sync"}), AllOf(HasSubstr("-j: "), HasSubstr("sync"), HasSubstr("4")));
}

TEST_F(fetch_usage, durations_sizes_and_counts) {
  EXPECT_THAT(refused({"--timeout", "4x"}), AllOf(HasSubstr("--timeout: '4x'"), HasSubstr("400ms")));
  EXPECT_THAT(refused({"--timeout", "0"}), AllOf(HasSubstr("--timeout: 0"), HasSubstr("at least 1ms")));
  EXPECT_THAT(refused({"--connect-timeout", "0s"}), HasSubstr("--connect-timeout: 0"));
  EXPECT_THAT(refused({"--max-bytes", "many"}), AllOf(HasSubstr("--max-bytes: 'many'"), HasSubstr("10MiB")));
  EXPECT_THAT(refused({"--max-redirects", "-1"}), AllOf(HasSubstr("--max-redirects: '-1'"), HasSubstr("0 to 1000")));
  EXPECT_THAT(refused({"--max-header-bytes", "x"}), HasSubstr("--max-header-bytes: 'x'"));
  EXPECT_THAT(refused({"--max-header-count", "0"}), HasSubstr("--max-header-count: '0'"));
  EXPECT_THAT(refused({"--max-decoding-ratio", "-1"}), HasSubstr("--max-decoding-ratio: '-1'"));
}

TEST_F(fetch_usage, requests) {
  for (const char* header : {"none", ": empty", "a b: c", "a\r\nb: c", "a: b\r\nc: d"})
    EXPECT_THAT(refused({"-H", header}), AllOf(HasSubstr("-H: '"), HasSubstr("'Name: value'")));
  EXPECT_THAT(refused({"-X", "GE T"}), HasSubstr("-X: 'GE T'"));
  EXPECT_THAT(refused({"-d", "@/no/such/file"}), AllOf(HasSubstr("-d: "), HasSubstr("/no/such/file: No such file")));
  EXPECT_THAT(refused({"-d", "@/"}), AllOf(HasSubstr("-d: cannot read /: "), HasSubstr("directory")));
}

TEST_F(fetch_usage, empty_values) {
  for (const char* option :
       {"--request", "--user", "--data-file", "--cookie-jar", "--cacert", "--cert", "--key", "--proxy-cacert"})
    EXPECT_THAT(refused({option, ""}), AllOf(HasSubstr(option), HasSubstr("the value is empty")));
}

TEST_F(fetch_usage, files_that_cannot_be_used_are_told_before_the_first_request) {
  const fanout_test::issuer trusted;
  const fanout_test::temporary_directory directory;
  const auto mine = trusted.files(directory, "client");
  const std::string none = directory.write("none", "no certificate\n");
  EXPECT_THAT(refused({"--data-file", directory.path()}), HasSubstr("--data-file: " + directory.path() + " is not a"));
  EXPECT_THAT(refused({"--cacert", none}), HasSubstr("'" + none + "' holds no certificates"));
  EXPECT_THAT(refused({"--proxy-cacert", none}), HasSubstr("'" + none + "' holds no certificates"));
  EXPECT_THAT(refused({"--cert", none}), HasSubstr("the client certificate '" + none + "' cannot be read"));
  EXPECT_THAT(refused({"--cert", mine.certificate}), HasSubstr("comes without its key"));
  EXPECT_THAT(refused({"--cert", mine.certificate, "--key", none}), HasSubstr("the key '" + none + "'"));
  for (const std::string& jar : {directory.path(), std::string("/no/such/jar")}) {
    const ended result = fetch({"--cookie-jar", jar, origin_.url("/bytes/5")});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.errors, HasSubstr("--cookie-jar: cannot write " + jar));
  }
}

TEST_F(fetch_usage, help) {
  const ended help = fetch({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, AllOf(HasSubstr("--timeout"), HasSubstr("Exit status")));
}

TEST(fetch_limits, the_longest_timeout_does_not_overflow) {
  const fanout::origin::background origin;
  for (const char* longest : {"277777h", "99999999h"}) {
    const ended result =
        fetch({"--timeout", longest, "--connect-timeout", longest, "--idle-timeout", longest, origin.url("/bytes/5")});
    EXPECT_EQ(result.status, 0) << result.errors;
    EXPECT_EQ(result.output, "ABCDE");
  }
}

// Every shape fits itself to the limit of open files, or says that it does not.
TEST(fetch_limits, open_files) {
  const fanout::origin::background origin;
  std::string list;
  for (int i = 0; i < 300; ++i) list += origin.url("/bytes/5") + "\n";
  const auto run = [&](const std::string& shape) {
    child limited("/bin/sh", {"-c", "ulimit -n 100; exec \"$0\" fetch -s \"$1\"", tool, shape});
    limited.write_input(list);
    limited.close_input();
    std::string output = limited.rest_of_output(), errors = limited.rest_of_errors();
    return ended{limited.wait(), std::move(output), std::move(errors)};
  };
  for (const char* shape : {"threads:200", "async:400", "hybrid:150", "1x2x100", "2x2x100"}) {
    const ended result = run(shape);
    EXPECT_EQ(result.status, 0) << shape << result.errors;
    EXPECT_EQ(records(result.output).size(), 300u) << shape;
    EXPECT_THAT(result.errors, HasSubstr("that is what the limit of 100 open files allows")) << shape;
  }
  const ended result = run("1x200x1");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.errors, AllOf(HasSubstr("-s: 1x200x1"), HasSubstr("100 open files"), HasSubstr("ulimit -n")));
}

}  // namespace
