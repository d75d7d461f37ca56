// Where bodies, records and the summary go.

#include <fanout/origin/background.hpp>
#include <fanout/origin/content.hpp>

#include "cli/fetch_support.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <thread>

namespace {

using namespace fanout::cli::testing;
using fanout_test::read_file;
using fanout_test::temporary_directory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class fetch_output : public ::testing::Test {
 protected:
  std::string url(int bytes) const { return origin_.url("/bytes/" + std::to_string(bytes)); }
  fanout::origin::background origin_;
  temporary_directory directory_;
};

TEST_F(fetch_output, one_url_is_its_body) {
  for (const char* shape : {"sync", "threads:2", "async:2", "processes:2", "auto"}) {
    const ended result = fetch({url(5), "-s", shape});
    EXPECT_EQ(result.status, 0);
    EXPECT_EQ(result.output, "ABCDE");
    EXPECT_EQ(result.errors, "");
  }
  const ended large = fetch({url(3'000'000)});
  EXPECT_TRUE(large.output == fanout::origin::content(0, 3'000'000));
}

TEST_F(fetch_output, one_url_that_fails_is_a_message) {
  const ended result = fetch({origin_.url("/status/404")});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.output, "status 404\n");
  EXPECT_THAT(result.errors, AllOf(HasSubstr("fanout fetch: "), HasSubstr("/status/404"), HasSubstr("[status] 404")));
  const ended malformed = fetch({"no url"});
  EXPECT_EQ(malformed.status, 1);
  EXPECT_EQ(malformed.output, "");
  EXPECT_THAT(malformed.errors, HasSubstr("[invalid_request]"));
}

TEST_F(fetch_output, one_url_into_a_file) {
  const std::string file = directory_.write("page", "what was there before");
  const ended result = fetch({url(5), "-o", file});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output + result.errors, "");
  EXPECT_EQ(read_file(file), "ABCDE");
  EXPECT_EQ(fetch({url(5), "-o", "-"}).output, "ABCDE");
}

TEST_F(fetch_output, one_url_into_a_directory) {
  const ended result = fetch({url(5), "-o", directory_.path()});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(read_file(directory_ / "00000000"), "ABCDE");
}

TEST_F(fetch_output, several_into_a_file_are_records) {
  const std::string file = directory_ / "records";
  const ended result = fetch({url(1), url(2), "-o", file});
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.output, "");
  EXPECT_EQ(records(read_file(file)).size(), 2u);
}

TEST_F(fetch_output, a_directory_gets_the_bodies_and_nothing_is_overwritten) {
  const std::string bodies = directory_ / "bodies";
  const ended result = fetch({url(1), origin_.url("/garbage"), origin_.url("/status/404"), url(0), "-o", bodies + "/"});
  EXPECT_EQ(result.status, 1);
  const auto all = records(result.output);
  EXPECT_EQ(text_of(all.at(0), "file"), "00000000");
  EXPECT_FALSE(all.at(1).contains("file"));  // no response, no body
  EXPECT_EQ(read_file(bodies + "/00000000"), "A");
  EXPECT_EQ(read_file(bodies + "/00000002"), "status 404\n");
  EXPECT_EQ(read_file(bodies + "/00000003"), "");
  EXPECT_EQ(fanout::test::count_entries(bodies.c_str()), 6u);  // and the records, their journal and the log

  const ended again = fetch({url(2), url(3), "-o", bodies});
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.errors, AllOf(HasSubstr(bodies + "/0000000"), HasSubstr("File exists"), HasSubstr("--overwrite"),
                                  HasSubstr("--skip-existing")));
  EXPECT_EQ(read_file(bodies + "/00000000"), "A");
}

TEST_F(fetch_output, a_link_in_the_directory_is_not_followed) {
  std::filesystem::create_symlink(directory_ / "elsewhere", directory_ / "00000000");
  EXPECT_EQ(fetch({url(1), "-o", directory_.path()}).status, 3);
  EXPECT_FALSE(std::filesystem::exists(directory_ / "elsewhere"));
}

TEST_F(fetch_output, headers_on_request) {
  const ended result = fetch({url(5), "--with-headers"});
  EXPECT_EQ(result.status, 0);
  const auto all = records(result.output);
  const json::array& headers = all.at(0).at("headers").as_array();
  EXPECT_THAT(json::serialize(headers), HasSubstr(R"(["content-length","5"])"));
  EXPECT_FALSE(all.at(0).contains("body"));
}

TEST_F(fetch_output, bodies_on_request) {
  const ended result = fetch({url(5), url(0), origin_.url("/garbage"), "--with-bodies"});
  const auto all = records(result.output);
  EXPECT_EQ(text_of(all.at(0), "body"), "ABCDE");
  EXPECT_EQ(text_of(all.at(1), "body"), "");
  EXPECT_FALSE(all.at(2).contains("body"));
}

TEST_F(fetch_output, a_body_that_is_no_text_is_base64) {
  const temporary_directory files;
  const std::string body = files.write("body", std::string("\xff\0\r", 3));
  const ended result = fetch({origin_.url("/echo"), "--data-binary", "@" + body, "--with-bodies"});
  const auto all = records(result.output);
  EXPECT_EQ(json::parse(text_of(all.at(0), "body")).at("body_base64").as_string(), "/wAN");
}

TEST_F(fetch_output, the_request_can_be_given) {
  const auto echoed = [&](std::vector<std::string> options) {
    options.insert(options.begin(), origin_.url("/echo"));
    return json::parse(fetch(std::move(options)).output).as_object();
  };
  EXPECT_EQ(text_of(echoed({}), "method"), "GET");
  EXPECT_EQ(text_of(echoed({"-d", "x"}), "method"), "POST");
  EXPECT_EQ(text_of(echoed({"-d", ""}), "method"), "POST");
  EXPECT_EQ(text_of(echoed({"-d", "x", "-X", "PUT"}), "method"), "PUT");
  EXPECT_EQ(text_of(echoed({"-d", "x"}), "body"), "x");
  EXPECT_EQ(text_of(echoed({"-d", "@/dev/null"}), "body"), "");
  const json::object sent = echoed({"-H", "A: 1", "-H", "B:2", "-H", "Empty;"});
  EXPECT_EQ(sent.at("headers").at("A").as_string(), "1");
  EXPECT_EQ(sent.at("headers").at("B").as_string(), "2");
  EXPECT_EQ(sent.at("headers").at("Empty").as_string(), "");
}

TEST_F(fetch_output, summary) {
  const std::string file = directory_ / "summary";
  const ended result =
      fetch({url(5), url(6), origin_.url("/status/503"), "http://127.0.0.1:1/", "--summary", file, "-s", "threads:2"});
  EXPECT_EQ(result.status, 1);
  EXPECT_THAT(result.errors, MatchesRegex("2 fetched, 2 failed \\(1 connect, 1 status\\), 22 B in .*threads:2.*\n"));
  const json::object summary = json::parse(read_file(file)).as_object();
  EXPECT_EQ(number_of(summary, "tasks"), 4u);
  EXPECT_EQ(number_of(summary, "succeeded"), 2u);
  EXPECT_EQ(number_of(summary, "failed"), 2u);
  EXPECT_EQ(json::serialize(summary.at("failures")), R"({"connect":1,"status":1})");
  EXPECT_EQ(summary.at("stopped"), false);
  EXPECT_EQ(number_of(summary, "bytes"), 22u);
  EXPECT_EQ(text_of(summary, "shape"), "threads:2");
  EXPECT_EQ(text_of(summary, "choice"), "");
  EXPECT_EQ(number_of(summary, "processes"), 1u);
  EXPECT_EQ(number_of(summary, "threads"), 2u);
  EXPECT_EQ(number_of(summary, "restarts"), 0u);
  EXPECT_EQ(number_of(summary, "ipc_bytes"), 0u);
  EXPECT_GT(number_of(summary, "peak_rss_bytes"), 1'000'000u);
  for (const char* name : {"wall_s", "per_s", "cpu_s", "cores_used"})
    EXPECT_GT(summary.at(name).to_number<double>(), 0);
  EXPECT_TRUE(summary.contains("voluntary_switches") && summary.contains("involuntary_switches"));
}

TEST_F(fetch_output, quiet) {
  const ended result = fetch({url(5), url(6), origin_.url("/status/503"), "-q"});
  EXPECT_EQ(result.status, 1);
  EXPECT_EQ(result.errors, "");
  EXPECT_EQ(records(result.output).size(), 3u);
}

TEST_F(fetch_output, a_full_device_is_an_error) {
  for (const auto& urls : {std::vector{url(5)}, std::vector{url(5), url(6)}}) {
    const ended result = fetch(urls, "", {.output = "/dev/full"});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.errors, AllOf(HasSubstr("standard output"), HasSubstr("No space left")));
    std::vector<std::string> into = urls;
    into.insert(into.end(), {"-o", "/dev/full"});
    EXPECT_THAT(fetch(into).errors, HasSubstr("cannot write to /dev/full: No space left"));
  }
}

// A file that may not grow any more, as on a disk that is full after a while: what was written before is whole.
// (Memory that is shared with worker processes is a file, too, to this limit.)
TEST_F(fetch_output, a_disk_that_becomes_full_stops_the_run) {
  std::string urls;
  for (int i = 0; i < 2000; ++i) urls += url(5) + "\n";
  const std::string list = directory_.write("list", urls);
  for (const char* shape : {"sync", "threads:3", "async:8", "hybrid:4"}) {
    const std::string file = directory_ / "records";
    child limited("/bin/sh",
                  {"-c", "ulimit -f 200; exec \"$0\" fetch -q -s \"$1\" -i \"$2\" -o \"$3\"", tool, shape, list, file});
    EXPECT_THAT(limited.rest_of_errors(), HasSubstr("cannot write to " + file + ".part: File too large")) << shape;
    EXPECT_EQ(limited.wait(), 3) << shape;
    EXPECT_NE(access(file.c_str(), F_OK), 0) << shape;
    const std::string written = read_file(file + ".part");
    EXPECT_EQ(written.size() % 512, 0u) << shape;
    EXPECT_GE(records(written.substr(0, written.rfind('\n') + 1)).size(), 400u) << shape;
  }
}

TEST_F(fetch_output, a_file_that_was_there_stays_where_nothing_whole_replaces_it) {
  const std::string file = directory_.write("file", "before");
  const std::string empty = directory_.write("empty", "");
  const std::vector<std::vector<std::string>> failing{
      {"http://127.0.0.1:1/"},                        // refused
      {"http://nowhere.invalid/"},                    // no such host
      {"http://["},                                   // no URL
      {origin_.url("/truncate?bytes=5&length=100")},  // a body that is cut
      {"-i", empty},
      {"-i", directory_ / "none"},
      {url(5), "--bogus"},
      {url(5), "-s", "nope"},
      {url(5), "--cookie", directory_ / "none"},
  };
  for (std::vector<std::string> arguments : failing) {
    arguments.insert(arguments.end(), {"-o", file});
    const ended result = fetch(arguments);
    EXPECT_EQ(read_file(file), "before") << arguments[0];
    const bool cut = arguments[0].find("truncate") != arguments[0].npos;
    EXPECT_EQ(access((file + ".part").c_str(), F_OK) == 0, cut) << arguments[0];
    EXPECT_EQ(result.errors.find(file + ".part") != std::string::npos, cut) << arguments[0];
    std::filesystem::remove(file + ".part");
  }
  EXPECT_EQ(fetch({origin_.url("/bytes/0"), "-o", file}).status, 0);  // an empty page is a whole one
  EXPECT_EQ(read_file(file), "");
  EXPECT_EQ(fetch({url(5), "-o", file}).status, 0);
  EXPECT_EQ(read_file(file).size(), 5u);
  EXPECT_EQ(fetch({"-i", empty, "-o", directory_ / "made"}).status, 0);
  EXPECT_EQ(access((directory_ / "made").c_str(), F_OK), 0);
}

TEST_F(fetch_output, what_cannot_be_created_is_an_error_before_anything_is_fetched) {
  for (const char* option : {"-o", "--summary"}) {
    const ended result = fetch({url(5), url(6), option, "/no/such/directory/file"});
    EXPECT_EQ(result.status, 3);
    EXPECT_EQ(result.output, "");
    EXPECT_THAT(result.errors, HasSubstr("/no/such/directory/file: No such file"));
  }
  EXPECT_EQ(fetch({url(5), url(6), "-o", "/no/such/directory/"}).status, 3);
  EXPECT_EQ(origin_.statistics().requests, 0u);
}

TEST_F(fetch_output, a_reader_that_leaves_ends_the_run) {
  for (const char* shape : {"sync", "threads:3", "async:8", "processes:2", "hybrid:4"}) {
    child fetching(tool, {"fetch", "-s", shape});
    fetching.write_input(url(1) + "\n");
    fetching.read_line();
    fetching.close_output();
    fetching.write_input(url(2) + "\n" + url(3) + "\n");  // and standard input stays open
    EXPECT_THAT(fetching.rest_of_errors(), HasSubstr("cannot write to standard output: Broken pipe")) << shape;
    EXPECT_EQ(fetching.wait(), 3) << shape;
  }
}

TEST_F(fetch_output, a_reader_that_leaves_does_not_wait_for_what_is_under_way) {
  for (const char* shape : {"threads:3", "async:8", "processes:2", "hybrid:4"}) {
    const auto waiting = origin_.statistics().requests_waiting;
    child fetching(tool, {"fetch", "-s", shape});
    fetching.write_input(origin_.url("/never") + "\n");
    while (origin_.statistics().requests_waiting == waiting) std::this_thread::yield();
    fetching.close_output();
    fetching.write_input(url(1) + "\n");
    EXPECT_EQ(fetching.wait(), 3) << shape;
    while (origin_.statistics().requests_waiting > waiting) std::this_thread::yield();
  }
}

TEST_F(fetch_output, a_non_blocking_pipe_is_waited_for) {
  child fetching(tool, {"fetch", url(3'000'000)}, {.non_blocking_output = true});
  fetching.wait_until_output_is_full();
  EXPECT_TRUE(fetching.rest_of_output() == fanout::origin::content(0, 3'000'000));
  EXPECT_EQ(fetching.rest_of_errors(), "");
  EXPECT_EQ(fetching.wait(), 0);
}

}  // namespace
