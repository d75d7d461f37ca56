#include <fanout/core/shape.hpp>
#include <fanout/fetch/job.hpp>
#include <fanout/fetch/record_sinks.hpp>
#include <fanout/fetch/sqlite_output.hpp>
#include <fanout/fetch/validators.hpp>

#include "fetch/encoding/warc_reader.hpp"
#include "http/scripted_server.hpp"
#include "support/leaks.hpp"
#include "support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {

using namespace fanout::fetch;
using fanout_test::scripted_server;
using fanout_test::temporary_directory;
using ::testing::HasSubstr;

/// Pages with validators, and 304 for who has them.
void serve(fanout_test::peer& client, int) {
  for (;;) {
    const std::string asked = client.read_request();
    if (asked.empty()) return;
    if (asked.starts_with("GET /moved"))
      client.send("HTTP/1.1 302 Found\r\nLocation: /tagged\r\nContent-Length: 0\r\n\r\n");
    else if (asked.find("If-None-Match: \"v1\"") != asked.npos || asked.find("If-Modified-Since: ") != asked.npos)
      client.send("HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\n\r\n");
    else if (asked.starts_with("GET /tagged"))
      client.send("HTTP/1.1 200 OK\r\nETag: \"v1\"\r\nContent-Length: 5\r\n\r\nhello");
    else if (asked.starts_with("GET /dated"))
      client.send("HTTP/1.1 200 OK\r\nLast-Modified: Mon, 30 Nov 2026 00:00:00 GMT\r\nContent-Length: 5\r\n\r\nworld");
    else
      client.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
  }
}

class validators_test : public fanout::test::leak_checked {
 protected:
  std::vector<std::string> urls() const {
    return {server_.url("/tagged"), server_.url("/dated"), server_.url("/plain"), server_.url("/moved")};
  }
  std::vector<int> run(sink& into, const validators* known = nullptr) {
    std::vector<int> statuses(4);
    record_callback look([&](finished& each, writer&) { statuses.at(each.index) = each.result.status; });
    job pages;
    pages.how.shape = fanout::async(1);
    pages.sinks = {&into, &look};
    request_source source(urls(), std::string());
    if (known == nullptr) {
      pages.run(source);
    } else {
      conditional_input conditional(source, *known);
      pages.run(conditional);
    }
    return statuses;
  }
  std::unique_ptr<sink> sink_for(const std::string& path) const {
    const json_fields with{.headers = true, .body = false};
    if (is_sqlite_name(path)) return std::make_unique<sqlite_output>(path, sqlite_output_options{.with = with});
    if (is_warc(record_format_of(path))) return std::make_unique<warc_output>(path, record_file_options{});
    return std::make_unique<record_lines>(path, record_file_options{}, with);
  }

  scripted_server server_{serve};
  temporary_directory directory_;
};

TEST_F(validators_test, of_every_kind_of_output) {
  for (const char* const name : {"a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.warc", "a.warc.gz", "a.sqlite"}) {
    SCOPED_TRACE(name);
    const auto first = sink_for(directory_ / name);
    EXPECT_EQ(run(*first), (std::vector{200, 200, 200, 200}));
    const validators known(directory_ / name);
    EXPECT_EQ(known.size(), 3u);
    EXPECT_EQ(known.find(server_.url("/tagged"))->etag, "\"v1\"");
    EXPECT_EQ(known.find(server_.url("/dated"))->last_modified, "Mon, 30 Nov 2026 00:00:00 GMT");
    EXPECT_EQ(known.find(server_.url("/moved"))->etag, "\"v1\"");  // by the URL that was asked for
    EXPECT_FALSE(known.find(server_.url("/plain")));
    const std::string again = directory_ / (std::string("again-") + name);
    const auto second = sink_for(again);
    EXPECT_EQ(run(*second, &known), (std::vector{304, 304, 200, 304}));
    // Which is what a third run can begin with.
    EXPECT_EQ(validators(again).find(server_.url("/tagged"))->etag, "\"v1\"");
    if (std::string_view(name) != "a.warc.gz") continue;
    int same = 0;
    for (const auto& each : fanout_test::read_archive(fanout_test::read_file(again)))
      same += each.at("WARC-Profile") == "http://netpreserve.org/warc/1.1/revisit/server-not-modified";
    EXPECT_EQ(same, 3);
  }
}

TEST_F(validators_test, conditions_of_the_caller_stay) {
  const validators known(directory_.write(
      "a.jsonl", "{\"index\":0,\"url\":\"http://x/\",\"status\":200,\"headers\":[[\"ETag\",\"\\\"v1\\\"\"]]}\n"));
  request asked;
  asked.url = "http://x/";
  known.add_to(asked);
  EXPECT_EQ(asked.headers, (header_list{{"If-None-Match", "\"v1\""}}));
  known.add_to(asked);
  EXPECT_EQ(asked.headers.size(), 1u);
  for (const char* const name : {"if-match", "Range", "If-Modified-Since"}) {
    request own;
    own.url = asked.url;
    own.headers = {{name, "x"}};
    known.add_to(own);
    EXPECT_EQ(own.headers.size(), 1u);
  }
  request posted;
  posted.url = asked.url;
  posted.method = "POST";
  known.add_to(posted);
  EXPECT_TRUE(posted.headers.empty());
}

TEST_F(validators_test, what_it_refuses) {
  const auto refusal = [](const std::string& output) -> std::string {
    try {
      validators known(output);
    } catch (const std::runtime_error& refused) {
      return refused.what();
    }
    return {};
  };
  EXPECT_THAT(refusal(directory_.write("a.jsonl", "{\"index\":0,\"url\":\"http://x/\",\"status\":200}\n")),
              HasSubstr("--with-headers"));
  EXPECT_THAT(refusal(directory_.write("b.jsonl", "http://x/\n")), HasSubstr("no record"));
  EXPECT_THAT(refusal(directory_.write("c.warc", "http://x/\n")), HasSubstr("no web archive"));
  EXPECT_EQ(refusal(directory_ / "none.jsonl"),
            "cannot read " + (directory_ / "none.jsonl") + ": No such file or directory");
  EXPECT_THAT(refusal(directory_ / ""), HasSubstr("records.jsonl"));
}

}  // namespace
