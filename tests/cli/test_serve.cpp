#include "cli/child.hpp"
#include "origin/peer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

using fanout::cli::testing::child;
using origin_peer = fanout::origin::testing::peer;
using fanout::origin::testing::trusting;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using namespace std::chrono_literals;

constexpr const char* tool = FANOUT_CLI;

std::uint16_t port_of(const std::string& ready_line) {
  return static_cast<std::uint16_t>(std::stoi(ready_line.substr(ready_line.rfind(':') + 1)));
}

struct ended {
  int status;
  std::string output, errors;
};
ended run(std::vector<std::string> arguments) {
  child started(tool, std::move(arguments));
  started.close_input();
  std::string output = started.rest_of_output(), errors = started.rest_of_errors();
  return {started.wait(), std::move(output), std::move(errors)};
}

TEST(serve, says_one_line_when_ready_and_ends_in_order_when_told_to) {
  for (const int number : {SIGTERM, SIGINT}) {
    child origin(tool, {"serve", "--port", "0"});
    const std::string line = origin.read_line();
    ASSERT_THAT(line, MatchesRegex("listening on http://127\\.0\\.0\\.1:[0-9]+"));
    origin_peer client(port_of(line));
    EXPECT_EQ(client.get("/bytes/3").body(), "ABC");
    client.ask("/never");
    origin.signal(number);
    EXPECT_EQ(origin.rest_of_output(), "");
    EXPECT_EQ(origin.rest_of_errors(), "");
    EXPECT_EQ(origin.wait(), 0);
  }
}

TEST(serve, ends_with_its_standard_input_on_request) {
  child origin(tool, {"serve", "--port", "0", "--until-eof"});
  const std::string line = origin.read_line();
  EXPECT_EQ(origin_peer(port_of(line)).get("/bytes/3").body(), "ABC");
  origin.close_input();
  EXPECT_EQ(origin.wait(), 0);
  EXPECT_EQ(run({"serve", "--port", "0", "--until-eof"}).status, 0);  // at its end from the start
}

TEST(serve, does_not_care_about_its_standard_input_otherwise) {
  child origin(tool, {"serve", "--port", "0"});
  origin.close_input();
  EXPECT_EQ(origin_peer(port_of(origin.read_line())).get("/bytes/3").body(), "ABC");
  origin.signal(SIGTERM);
  EXPECT_EQ(origin.wait(), 0);
}

TEST(serve, latency) {
  child origin(tool, {"serve", "--port", "0", "--latency", "50ms"});
  origin_peer client(port_of(origin.read_line()));
  const auto start = std::chrono::steady_clock::now();
  client.get("/bytes/3");
  EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
}

TEST(serve, tls_with_a_certificate_that_clients_can_trust) {
  const auto file = std::filesystem::temp_directory_path() / ("fanout-serve-" + std::to_string(::getpid()) + ".pem");
  child origin(tool, {"serve", "--port", "0", "--tls", "--write-cert", file.string()});
  const std::string line = origin.read_line();
  EXPECT_THAT(line, HasSubstr("listening on https://127.0.0.1:"));
  std::ostringstream pem;
  pem << std::ifstream(file).rdbuf();
  std::filesystem::remove(file);
  const auto context = trusting(pem.str());
  origin_peer client(port_of(line));
  ASSERT_EQ(client.secure(context.get(), "localhost"), 1);
  EXPECT_EQ(client.get("/bytes/3").body(), "ABC");
  client.ask("/bytes/1000000000");
  char part[100];
  ASSERT_GT(client.read_some(part, sizeof part), 0);
  client.reset();
  origin_peer second(port_of(line));
  ASSERT_EQ(second.secure(context.get(), "localhost"), 1);
  EXPECT_EQ(second.get("/bytes/3").body(), "ABC");  // SIGPIPE would have ended it
}

// What fanout's own client makes of it; the frames themselves are test_h2_connection's.
TEST(serve, failures_of_http_2_on_demand) {
  const auto fetched = [](std::vector<std::string> options, const std::string& path, int times,
                          std::vector<std::string> more = {}) {
    options.insert(options.begin(), {"serve", "--port", "0"});
    child origin(tool, std::move(options));
    const std::string ready = origin.read_line();
    std::vector<std::string> line{"fetch", "-q", "-s", "async:1", "--http2-prior-knowledge", "--timings"};
    line.insert(line.end(), more.begin(), more.end());
    for (int i = 0; i < times; ++i) line.push_back(ready.substr(ready.find("http")) + path);
    return run(std::move(line));
  };
  const auto count = [](const std::string& in, const std::string& what) {
    int all = 0;
    for (auto at = in.find(what); at != in.npos; at = in.find(what, at + 1)) ++all;
    return all;
  };
  const ended goaway = fetched({"--goaway-after", "2"}, "/bytes/1", 6);
  EXPECT_EQ(goaway.status, 0) << goaway.output;
  EXPECT_EQ(count(goaway.output, R"("connection_reused":false)"), 3) << "a connection for each two";
  EXPECT_EQ(count(fetched({}, "/bytes/1", 6).output, R"("connection_reused":false)"), 1);
  const ended refused = fetched({"--refuse-every", "2"}, "/bytes/1", 4);
  EXPECT_EQ(refused.status, 0) << refused.output;
  EXPECT_EQ(count(refused.output, R"("attempts":2)"), 3) << "all but the first are refused once";
  // More than clients may send before they know of the window (RFC 9113 section 6.9.2).
  const ended starved = fetched({"--window", "0"}, "/echo", 1, {"-d", std::string(100'000, 'x'), "-m", "300ms"});
  EXPECT_EQ(starved.status, 1);
  EXPECT_THAT(starved.output + starved.errors, HasSubstr("timeout"));
  EXPECT_EQ(fetched({"--max-streams", "0"}, "/bytes/1", 1, {"-m", "300ms"}).status, 1);
  EXPECT_EQ(fetched({"--http1.1"}, "/bytes/1", 1).status, 1);
}

TEST(serve, a_port_in_use_is_a_clear_error) {
  const fanout::origin::background taken;
  const std::string port = std::to_string(taken.port());
  const ended result = run({"serve", "--port", port});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, AllOf(HasSubstr("--port"), HasSubstr("127.0.0.1"), HasSubstr(port), HasSubstr("in use")));
}

TEST(serve, wrong_options_are_named_with_what_is_accepted) {
  const auto refused = [](std::vector<std::string> arguments) {
    const ended result = run(std::move(arguments));
    EXPECT_EQ(result.status, 2);
    EXPECT_EQ(result.output, "");
    return result.errors;
  };
  EXPECT_THAT(refused({"serve", "--bogus"}), AllOf(HasSubstr("'--bogus'"), HasSubstr("--latency")));
  EXPECT_THAT(refused({"serve", "more"}), AllOf(HasSubstr("'more'"), HasSubstr("--latency")));
  EXPECT_THAT(refused({"serve", "--port", "70000"}), HasSubstr("--port: '70000' is not a number from 0 to 65535"));
  EXPECT_THAT(refused({"serve", "--latency", "4x"}),
              HasSubstr("--latency: '4x' is not a duration; use a number of seconds"));
  EXPECT_THAT(refused({"serve", "--latency"}), HasSubstr("--latency"));
  EXPECT_THAT(refused({"serve", "--address", "nowhere"}), AllOf(HasSubstr("--address"), HasSubstr("'nowhere'")));
  EXPECT_THAT(refused({"serve", "--cert", "x"}), HasSubstr("--cert requires"));
  EXPECT_THAT(refused({"serve", "--write-cert", "x"}), HasSubstr("--write-cert requires --tls"));
  EXPECT_THAT(refused({"serve", "--port", "0", "--tls", "--cert", "/no/such", "--key", "/no/such"}),
              HasSubstr("'/no/such'"));
  EXPECT_THAT(refused({"no-such-command"}), AllOf(HasSubstr("'no-such-command'"), HasSubstr("serve")));
  EXPECT_THAT(refused({"--bogus", "serve"}), AllOf(HasSubstr("'--bogus'"), HasSubstr("--version")));
  EXPECT_THAT(refused({}), AllOf(HasSubstr("command is missing"), HasSubstr("serve")));
}

TEST(serve, a_certificate_that_cannot_be_written_is_an_output_error) {
  const ended result = run({"serve", "--port", "0", "--tls", "--write-cert", "/no/such/directory/file"});
  EXPECT_EQ(result.status, 3);
  EXPECT_THAT(result.errors, HasSubstr("/no/such/directory/file"));
}

TEST(serve, help_and_version_are_no_errors) {
  const ended version = run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.output, MatchesRegex("fanout [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const ended help = run({"serve", "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.output, AllOf(HasSubstr("--latency"), HasSubstr("--until-eof")));
  EXPECT_EQ(help.errors, "");
}

}  // namespace
