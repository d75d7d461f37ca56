// Where URLs come from.

#include <fanout/origin/background.hpp>

#include "cli/fetch_support.hpp"
#include "fetch/packing.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>

namespace {

using namespace fanout::cli::testing;
using fanout_test::gzip;
using fanout_test::temporary_directory;
using fanout_test::zstd;
using ::testing::AllOf;
using ::testing::HasSubstr;

class fetch_input : public ::testing::Test {
 protected:
  std::string url(int bytes) const { return origin_.url("/bytes/" + std::to_string(bytes)); }
  /// Lines for /bytes/1 to /bytes/`last`.
  std::string lines(int first, int last) const {
    std::string text;
    for (int i = first; i <= last; ++i) text += url(i) + "\n";
    return text;
  }
  /// That records 0 to `last` - 1 are those of /bytes/1 to /bytes/`last`, and nothing else.
  void expect_fetched(const ended& result, int last) const {
    EXPECT_EQ(result.status, 0) << result.errors;
    const auto all = records(result.output);
    EXPECT_EQ(all.size(), static_cast<std::size_t>(last));
    for (const auto& [index, record] : all) {
      EXPECT_EQ(text_of(record, "url"), url(static_cast<int>(index) + 1));
      EXPECT_EQ(number_of(record, "bytes"), index + 1);
    }
  }

  fanout::origin::background origin_;
  temporary_directory directory_;
};

TEST_F(fetch_input, arguments) {
  expect_fetched(fetch({url(1), url(2), url(3)}), 3);
  expect_fetched(fetch({url(1), url(2), "-i", directory_.write("list", lines(3, 9))}), 9);
}

TEST_F(fetch_input, files_plain_and_packed) {
  expect_fetched(fetch({"-i", directory_.write("plain", lines(1, 20))}), 20);
  expect_fetched(fetch({"-i", directory_.write("gz", gzip(lines(1, 9)) + gzip(lines(10, 20)))}), 20);
  expect_fetched(fetch({"-i", directory_.write("zst", zstd(lines(1, 9)) + zstd(lines(10, 20)))}), 20);
}

TEST_F(fetch_input, standard_input) {
  expect_fetched(fetch({"-i", "-"}, lines(1, 20)), 20);
  expect_fetched(fetch({}, lines(1, 20)), 20);
  expect_fetched(fetch({"--input=-"}, gzip(lines(1, 20))), 20);
  expect_fetched(fetch({}, zstd(lines(1, 20))), 20);
  expect_fetched(fetch({}, "", {.input = directory_.write("list", lines(1, 20))}), 20);
  expect_fetched(fetch({}, ""), 0);
  expect_fetched(fetch({}, "", {.input = "/dev/null"}), 0);
}

TEST_F(fetch_input, lines_as_they_come) {
  expect_fetched(fetch({}, "\xef\xbb\xbf" + url(1) + "\r\n\r\n \t \n  " + url(2) + "  \n\n" + url(3)), 3);
}

TEST_F(fetch_input, one_line_in_a_list_is_a_record_too) {
  expect_fetched(fetch({}, url(1)), 1);
}

TEST_F(fetch_input, json_lines) {
  const std::string list =
      R"({"url":")" + origin_.url("/echo") +
      R"(","id":"mine","method":"PUT","headers":{"X-One":"1","x-two":"mine"},"body":"caf\u00e9"})" + "\n" +
      R"({"url":")" + origin_.url("/echo") + R"(","id":2})" + "\n" +  //
      R"({"url":")" + origin_.url("/echo") + R"(","body":"b"})" + "\n";
  const ended result = fetch({"--with-bodies", "-H", "X-Two: all", "-i", "-"}, list);
  EXPECT_EQ(result.status, 0) << result.errors;
  const auto all = records(result.output);
  ASSERT_EQ(all.size(), 3u);
  const json::value first = json::parse(text_of(all.at(0), "body"));
  EXPECT_EQ(text_of(all.at(0), "id"), "mine");
  EXPECT_EQ(first.at("method").as_string(), "PUT");
  EXPECT_EQ(first.at("body").as_string(), "caf\xc3\xa9");
  EXPECT_EQ(first.at("headers").at("X-One").as_string(), "1");
  EXPECT_EQ(first.at("headers").at("x-two").as_string(), "mine");
  const json::value second = json::parse(text_of(all.at(1), "body"));
  EXPECT_EQ(text_of(all.at(1), "id"), "2");
  EXPECT_EQ(second.at("method").as_string(), "GET");
  EXPECT_EQ(second.at("headers").at("X-Two").as_string(), "all");
  EXPECT_EQ(json::parse(text_of(all.at(2), "body")).at("method").as_string(), "POST");
  EXPECT_FALSE(all.at(2).contains("id"));
}

TEST_F(fetch_input, a_bad_line_is_one_failure) {
  const ended result = fetch({}, "{\"url\":\nno url\nftp://a/\n" + url(4) + "\n{\"url\":\"" + url(5) + "\"}\n");
  EXPECT_EQ(result.status, 1);
  const auto all = records(result.output);
  ASSERT_EQ(all.size(), 5u);
  for (const int index : {0, 1, 2}) EXPECT_EQ(kind_of(all.at(index)), "invalid_request") << index;
  EXPECT_EQ(text_of(all.at(0), "url"), "{\"url\":");
  EXPECT_THAT(message_of(all.at(0)), HasSubstr("the line is no JSON request"));
  EXPECT_THAT(message_of(all.at(1)), AllOf(HasSubstr("'no url'"), HasSubstr("http://")));
  EXPECT_THAT(message_of(all.at(2)), HasSubstr("ftp"));
  EXPECT_EQ(number_of(all.at(3), "bytes"), 4u);
  EXPECT_EQ(number_of(all.at(4), "bytes"), 5u);
  EXPECT_THAT(result.errors, HasSubstr("2 fetched, 3 failed (3 invalid_request)"));
}

TEST_F(fetch_input, a_list_that_cannot_be_read_is_named) {
  const auto refused = [&](const std::string& path, const char* why) {
    for (const char* shape : {"sync", "threads:3", "async:8", "processes:2"}) {
      const ended result = fetch({"-i", path, "-s", shape});
      EXPECT_EQ(result.status, 2) << shape;
      EXPECT_THAT(result.errors, AllOf(HasSubstr("fanout fetch: "), HasSubstr(path), HasSubstr(why))) << shape;
    }
  };
  refused("/no/such/list", "No such file");
  refused(directory_.path(), "directory");
  const std::string packed = gzip(lines(1, 500));
  refused(directory_.write("cut.gz", packed.substr(0, packed.size() - 3)), "ends in the middle");
  std::string corrupt = packed;
  corrupt[packed.size() - 6] = static_cast<char>(~corrupt[packed.size() - 6]);
  refused(directory_.write("corrupt.gz", corrupt), "gzip: ");
  const std::string frame = zstd(lines(1, 500));
  refused(directory_.write("cut.zst", frame.substr(0, frame.size() - 3)), "ends in the middle");
}

TEST_F(fetch_input, a_closed_standard_input_is_no_list) {
  const ended result = fetch({}, "", {.input = "closed"});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, HasSubstr("standard input"));
}

/// The other end of a pseudo_terminal.
struct pseudo_terminal {
  pseudo_terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    if (master < 0 || ::grantpt(master) != 0 || ::unlockpt(master) != 0) throw std::runtime_error("no pseudo_terminal");
    name = ::ptsname(master);
  }
  pseudo_terminal(const pseudo_terminal&) = delete;
  pseudo_terminal& operator=(const pseudo_terminal&) = delete;
  ~pseudo_terminal() { ::close(master); }
  int master;
  std::string name;
};

TEST_F(fetch_input, nobody_is_made_to_type_a_list) {
  const pseudo_terminal typing;
  const ended result = fetch({}, "", {.input = typing.name});
  EXPECT_EQ(result.status, 2);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, AllOf(HasSubstr("no URL"), HasSubstr("-i FILE")));
}

class fetch_stream : public fetch_input, public ::testing::WithParamInterface<const char*> {};

// Each URL is written only after the record of the one before was read: nothing waits for more input or more output.
TEST_P(fetch_stream, both_ways) {
  child fetching(tool, {"fetch", "-q", "-i", "-", "-s", GetParam()});
  for (int i = 1; i <= 20; ++i) {
    fetching.write_input(url(i) + (i % 3 == 0 ? "\n\n" : "\n"));  // nor is a blank line waited behind
    const auto got = records_in_order(fetching.read_line() + "\n");
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(number_of(got.front(), "index"), static_cast<std::uint64_t>(i - 1));
    EXPECT_EQ(number_of(got.front(), "bytes"), static_cast<std::uint64_t>(i));
  }
  fetching.close_input();
  EXPECT_EQ(fetching.rest_of_output(), "");
  EXPECT_EQ(fetching.rest_of_errors(), "");
  EXPECT_EQ(fetching.wait(), 0);
}

// The next URL may come while the ones before are under way.
TEST_P(fetch_stream, overlaps_with_what_is_under_way) {
  if (std::string_view(GetParam()) == "sync") GTEST_SKIP() << "sync has one task under way";
  child fetching(tool, {"fetch", "-q", "-s", GetParam()});
  fetching.write_input(origin_.url("/never") + "\n");
  while (origin_.statistics().requests_waiting == 0) std::this_thread::yield();
  for (int i = 1; i <= 3; ++i) {
    fetching.write_input(url(i) + "\n");
    EXPECT_EQ(number_of(records_in_order(fetching.read_line() + "\n").at(0), "bytes"), static_cast<std::uint64_t>(i));
  }
}

INSTANTIATE_TEST_SUITE_P(shapes, fetch_stream,
                         ::testing::Values("sync", "async:8", "threads:3", "processes:2", "hybrid:4", "auto"),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

}  // namespace
